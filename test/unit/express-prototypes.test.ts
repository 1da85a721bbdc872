import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { expect, onTestFinished, test } from 'vitest';
import { ApiServer } from '../../src/web/http-server.js';

test('Express leaves the prototypes of requests and responses as they are, which keeps them fast', async () => {
  const app = express();
  const seen: object[] = [];
  app.get('/', (request, response) => {
    seen.push(Object.getPrototypeOf(request) as object, Object.getPrototypeOf(response) as object);
    response.json({ host: request.hostname, isOfApp: request.app === app && response.app === app });
  });
  const server = new ApiServer(app);
  server.prependListener('request', (request, response) => {
    seen.push(Object.getPrototypeOf(request) as object, Object.getPrototypeOf(response) as object);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => server.closeInOrder(0));
  const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  expect(await answer.json()).toEqual({ host: '127.0.0.1', isOfApp: true });
  const [request, response] = seen;
  expect(seen).toHaveLength(4);
  expect(seen[2]).toBe(request);
  expect(seen[3]).toBe(response);
});
