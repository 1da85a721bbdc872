import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { onTestFinished } from 'vitest';
import type { OutcomeEvent } from '../../src/subscribers/event.js';

/** A request as a receiver got it. */
export interface Received {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly atMs: number;
}

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** How long it takes, in ms. */
  readonly afterMs?: number;
}

export interface Receiver {
  readonly url: string;
  readonly port: number;
  /** All that was posted. */
  readonly posts: Received[];
  /** The handshakes. */
  readonly asked: Received[];
  /** Requests at a time at most. */
  readonly mostAtOnce: () => number;
  /** What it answers from now on. */
  answer: (post: Received, nth: number) => Answer;
  /** What it answers handshakes. */
  allow: Readonly<Record<string, string>>;
  /** What happens before it answers one. */
  beforeAllowed: () => Promise<unknown>;
  /** What arrived, verified by the maintained library. @throws for what is not signed with the secret */
  readonly verified: (secret: string) => OutcomeEvent[];
}

/** A receiver of webhooks on this machine. */
export async function startReceiver(): Promise<Receiver> {
  let [now, most] = [0, 0];
  const posts: Received[] = [];
  const asked: Received[] = [];
  const server = createServer((request, response) => {
    now += 1;
    most = Math.max(most, now);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', headers } = request;
      const received = { method, headers, body: Buffer.concat(chunks).toString(), atMs: Date.now() };
      if (method === 'OPTIONS') {
        asked.push(received);
        now -= 1;
        void receiver.beforeAllowed().then(() => {
          response.writeHead(200, { allow: 'POST', ...receiver.allow }).end();
        });
        return;
      }
      posts.push(received);
      const { status, headers: more = {}, afterMs = 0 } = receiver.answer(received, posts.length);
      setTimeout(() => {
        now -= 1;
        response.writeHead(status, more).end();
      }, afterMs);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}/hook`,
    port,
    posts,
    asked,
    mostAtOnce: () => most,
    answer: () => ({ status: 204 }),
    beforeAllowed: () => Promise.resolve(),
    allow: { 'webhook-allowed-origin': '*', 'webhook-allowed-rate': '*' },
    verified: (secret) =>
      posts.map(
        ({ body, headers }) => new Webhook(secret).verify(body, headers as Record<string, string>) as OutcomeEvent,
      ),
  };
  return receiver;
}
