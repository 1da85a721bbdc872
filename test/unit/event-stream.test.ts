import { once } from 'node:events';
import { createConnection } from 'node:net';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { expect, onTestFinished, test } from 'vitest';
import { EventStream, eventText } from '../../src/api/event-stream.js';

test('a client that takes nothing is dropped, and never has more in memory than its share', async () => {
  let [largest, ended, sent] = [0, false, 0];
  const app = express().get('/', async (_request, response) => {
    const stream = new EventStream(response, 300);
    stream.begin('c0');
    do {
      sent += 1;
      stream.beat(`c${sent}`);
      largest = Math.max(largest, response.writableLength);
    } while (sent < 10_000 && (await stream.send(eventText('outcome', `c${sent}`, `"${'x'.repeat(32_000)}"`))));
    ended = true;
    response.end();
  });
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  const socket = createConnection((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  socket.pause();
  await expect.poll(() => ended, { timeout: 30_000 }).toBe(true);
  expect(sent).toBeLessThan(10_000);
  expect(largest).toBeLessThan(200 * 1024);
  let text = '';
  socket
    .on('data', (chunk: Buffer) => (text += chunk.toString()))
    .on('error', () => undefined)
    .resume();
  await once(socket, 'close');
  expect(text).toContain('id: c1\n'); // with what it got last it can go on
});
