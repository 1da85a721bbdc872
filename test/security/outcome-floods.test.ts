import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { createWebhookSender } from '../../src/subscribers/webhooks/webhook-sender.js';
import { addKey } from '../support/api-keys.js';
import { startApi } from '../support/http-api.js';
import type { ShownProblem } from '../support/http-api.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';
import { place, until } from '../support/tally.js';
import { startReceiver } from '../support/webhook-receiver.js';

test('an owner whose targets never answer does not keep the deliveries of others waiting', async () => {
  const here = place();
  const webhooks = { sealingKeys: [randomBytes(32)], allowHttp: true, allowedNetworks: ['127.0.0.1'] };
  skipUnlessOneServer('outcomes are told on one server');
  const api = await startApi(here, { outcomes: true, webhooks });
  const add = async (secret: string, url: string) =>
    (await api.post('/v1/webhooks', { url }, { authorization: `Bearer ${secret}` })).status;
  const [hostile, good] = [
    await addKey(here, { webhooks: true, owner: 'eve' }),
    await addKey(here, { webhooks: true }),
  ];
  let held = 0;
  const server = createServer((request, response) => {
    if (request.method === 'OPTIONS') {
      response.writeHead(200, { 'webhook-allowed-origin': '*' }).end();
    } else {
      held += 1; // and is left without an answer
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  for (let n = 0; n < 5; n += 1) {
    expect(await add(hostile.secret, `${url}?${n}`)).toBe(201);
  }
  const receiver = await startReceiver();
  expect(await add(good.secret, receiver.url)).toBe(201);
  await here.worker({ outcomes: true });
  const producer = here.producer();
  const restock = async () =>
    (await producer.inventory.restock({ key: here.key('lamp'), quantity: 1 })).outcome({ timeoutMs: 60_000 });
  for (let n = 0; n < 20; n += 1) {
    await restock();
  }
  const { redis, namespace, prefix, logger } = here;
  const answerTimeoutMs = 60_000;
  const sender = createWebhookSender({
    ...{ redis, namespace, prefix, logger, webhooks, answerTimeoutMs },
    concurrency: 20,
    closeTimeoutMs: 500,
  });
  onTestFinished(() => sender.close());
  const begunAtMs = performance.now();
  await until('the hostile ones hold what they can', () => held >= 10);
  await restock();
  await until('the other is told all', () => receiver.posts.length === 21);
  expect(performance.now() - begunAtMs).toBeLessThan(answerTimeoutMs); // none of those has ended yet
  expect(held).toBe(10);
});

test.for([
  `key=${'*a'.repeat(17)}`,
  `key=${'a'.repeat(2_001)}`,
  'key=x&'.repeat(101),
  'operation=counter.set&'.repeat(101),
])('a filter that would take long with every event is refused', async (query) => {
  const here = place();
  const api = await startApi(here, { outcomes: true });
  const answer = await api.get<ShownProblem>(`/v1/outcomes?${query.replace(/&$/, '')}`);
  expect([answer.status, answer.body.code]).toEqual([422, 'INVALID_QUERY']);
});
