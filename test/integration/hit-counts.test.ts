import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import type { NextFunction } from 'express';
import { rateLimit } from 'express-rate-limit';
import { expect, onTestFinished, test } from 'vitest';
import { HitCounts } from '../../src/web/hit-counts.js';

/** An app that lets this many requests a minute through, and only begins when so many have come. */
async function appWithLimit({ limit, together }: { limit: number; together: number }): Promise<string> {
  const store = new HitCounts();
  const waiting: NextFunction[] = [];
  const app = express()
    .use((_request, _response, next) => {
      if (waiting.push(next) === together) {
        for (const go of waiting) {
          go();
        }
      }
    })
    .use(rateLimit({ windowMs: 60_000, limit, store, standardHeaders: 'draft-8', legacyHeaders: false }))
    .get('/', (_request, response) => {
      response.sendStatus(204);
    });
  const server = app.listen(0, '127.0.0.1');
  onTestFinished(() => {
    store.shutdown();
    server.close();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test('of requests that go on in the same turn, as many as the limit allows pass', async () => {
  const url = await appWithLimit({ limit: 10, together: 12 });
  const answers = await Promise.all(Array.from({ length: 12 }, () => fetch(url)));
  const statuses = answers.map(({ status }) => status).sort();
  expect(statuses).toEqual([...Array.from({ length: 10 }, () => 204), 429, 429]);
  const remaining = answers.map(({ headers }) => Number(/r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1]));
  expect(remaining.sort((a, b) => b - a)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0]);
});
