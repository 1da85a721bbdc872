import { spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import type { WebhookOptions } from '../../src/subscribers/webhooks/webhook-options.js';
import { createWebhookSender } from '../../src/subscribers/webhooks/webhook-sender.js';
import { newSigningSecret } from '../../src/subscribers/webhooks/seal.js';
import { signedHeaders } from '../../src/subscribers/webhooks/message.js';
import { startApi } from '../support/http-api.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';
import { place, until } from '../support/tally.js';

const FOLDER = fileURLToPath(new URL('../../examples/webhooks/', import.meta.url));
const hasPython = spawnSync('python3', ['--version']).status === 0;

const receivers = [
  { receiver: 'Node', command: process.execPath, args: ['--import', 'tsx', `${FOLDER}receive.ts`] },
  { receiver: 'Python', command: 'python3', args: [`${FOLDER}receive.py`] },
];

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts the example with a secret, and resolves when it listens. */
async function listen({ command, args }: (typeof receivers)[number], port: number, secret: string) {
  const child = spawn(command, args, {
    env: { ...process.env, PORT: String(port), WEBHOOK_SECRET: secret },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  onTestFinished(stop);
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  await until('it listens', () => printed.includes('\n'));
  return { stop, lines: () => printed.trim().split('\n').slice(1) };
}

test.for(receivers)(
  'the receiver in $receiver takes what Tally signs, once, and nothing else',
  async (example, { skip }) => {
    skip(example.command === 'python3' && !hasPython, 'python3 is not here');
    skipUnlessOneServer('outcomes are told on one server');
    const here = place();
    await here.worker({ outcomes: true });
    const webhooks: WebhookOptions = {
      sealingKeys: [randomBytes(32)],
      allowHttp: true,
      allowedNetworks: ['127.0.0.1'],
    };
    const api = await startApi(here, { outcomes: true, webhooks });
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/`;
    const asked = await listen(example, port, newSigningSecret()); // it is asked before there is a secret
    const added = await api.post<{ id: string; secret: string }>('/v1/webhooks', { url });
    expect(added.status).toBe(201);
    await asked.stop();
    const { secret } = added.body;
    const { lines } = await listen(example, port, secret);
    const { redis, namespace, prefix, logger } = here;
    const sender = createWebhookSender({ redis, namespace, prefix, logger, webhooks, closeTimeoutMs: 2_000 });
    onTestFinished(() => sender.close());
    const key = here.key('größe'); // what a signature is made of are bytes
    await (await here.producer().inventory.restock({ key, quantity: 5 })).outcome({ timeoutMs: 60_000 });
    await until('it took it', () => lines().length === 1);
    await api.post(`/v1/webhooks/${added.body.id}/replay`, { since: new Date(0).toISOString() });

    const body = JSON.stringify({ type: 'x', data: {} });
    const send = async (headers: Record<string, string>) =>
      (await fetch(url, { method: 'POST', headers, body })).status;
    const now = new Date();
    const right = signedHeaders('msg_1', body, [newSigningSecret(), secret], now);
    expect(await send(signedHeaders('msg_1', body, [newSigningSecret()], now))).toBe(401);
    expect(await send({ ...right, 'webhook-id': 'msg_2' })).toBe(401);
    expect(await send(signedHeaders('msg_1', body, [secret], new Date(Date.now() - 6 * 60_000)))).toBe(401);
    expect(await send({})).toBe(401);
    expect(await send(right)).toBe(204);
    expect(await send(right)).toBe(204);
    await until('it took that too', () => lines().length === 2);
    expect(lines()).toEqual([`tally.inventory.restock.applied ${key} - -> 5`, 'x  - -> -']);
  },
);
