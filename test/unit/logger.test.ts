import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import express from 'express';
import { expect, onTestFinished, test } from 'vitest';
import { createLogger } from '../../cli/logger.js';
import { logRequests } from '../../src/web/request-log.js';

const RIGHTS = { authorization: 'Bearer hunter2', cookie: 'hunter2' };

test('secrets stay out of the log', () => {
  const stream = new PassThrough() as unknown as NodeJS.WriteStream;
  const logger = createLogger('info', stream);
  const error = Object.assign(new Error('WRONGPASS'), { command: { name: 'auth', args: ['user', 'hunter2'] } });
  logger.info({ redis: { host: 'localhost', password: 'hunter2' }, err: error }, 'connecting');
  logger.info({ request: { headers: RIGHTS } }, 'request');
  const lines = (stream as unknown as PassThrough).read() as Buffer;
  expect(lines.toString()).toContain('localhost');
  expect(lines.toString()).not.toContain('hunter2');
});

test('secrets of a request, and of what it failed with, stay out of its line', async () => {
  const stream = new PassThrough() as unknown as NodeJS.WriteStream;
  const app = express().use(logRequests(createLogger('info', stream)));
  app.use((_request, response) => {
    const command = { name: 'auth', args: ['user', 'hunter2'] };
    response.err = Object.assign(new Error('WRONGPASS'), { command, password: 'hunter2', headers: RIGHTS, ...RIGHTS });
    response.status(500).end();
  });
  const server = app.listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, { headers: RIGHTS });
  const lines = (stream as unknown as PassThrough).read() as Buffer;
  expect(lines.toString()).toContain('WRONGPASS');
  expect(lines.toString()).not.toContain('hunter2');
});
