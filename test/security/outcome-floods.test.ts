import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { restrictAccess } from '../../src/api/api.js';
import { createKeys } from '../../src/redis/keys.js';
import { createWebhookSender } from '../../src/subscribers/webhooks/webhook-sender.js';
import { addKey } from '../support/api-keys.js';
import { followAt } from '../support/event-source.js';
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

test('an owner does not fill Redis by replays, neither with several webhooks and API keys nor by adding webhooks anew', async () => {
  skipUnlessOneServer('outcomes are told on one server');
  const here = place();
  const webhooks = { sealingKeys: [randomBytes(32)], allowHttp: true, allowedNetworks: ['127.0.0.1'] };
  const api = await startApi(here, { outcomes: true, webhooks });
  const receiver = await startReceiver();
  const callerOf = async (owner: string) => {
    const { secret } = await addKey(here, { webhooks: true, owner });
    const call = async (method: string, path: string, body?: object) => {
      const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
      const init = { method, headers, ...(body && { body: JSON.stringify(body) }) };
      return (await (await api.request(`/v1/webhooks${path}`, init)).json()) as { id: string; deliveries: number };
    };
    return {
      add: async () => (await call('POST', '', { url: receiver.url })).id,
      remove: (id: string) => call('DELETE', `/${id}`),
      replay: (id: string) => call('POST', `/${id}/replay`, { since: '2026-01-01T00:00:00Z' }),
    };
  };
  const [eve, alsoEve, bo] = [await callerOf('eve'), await callerOf('eve'), await callerOf('bo')];
  await here.worker({ outcomes: true });
  const producer = here.producer();
  await (await producer.inventory.restock({ key: here.key('lamp'), quantity: 1 })).outcome({ timeoutMs: 60_000 });
  const [first, second, last] = [await eve.add(), await eve.add(), await alsoEve.add()];
  expect(await eve.replay(first)).toMatchObject({ deliveries: 1 });
  const keys = createKeys(here);
  await here.client.hset(keys.webhookPending, { [first]: 19_990, [second]: 19_990, [last]: 20 });
  const cut = { deliveries: 0, cut: { by: 'OWNER', since: '2026-01-01T00:00:00.000Z' } };
  for (const caller of [eve, alsoEve]) {
    expect(await caller.replay(last)).toEqual(cut);
  }
  const another = await alsoEve.add();
  expect(await alsoEve.replay(another)).toEqual(cut);
  expect(await bo.replay(await bo.add())).toMatchObject({ deliveries: 1 });
  const waiting = async () => (await here.client.keys(`${keys.deliveriesPrefix}:webhook-deliveries:wh_*`)).sort();
  const before = await waiting();
  expect(before).toHaveLength(2);
  for (let round = 0; round < 3; round += 1) {
    await eve.remove(first);
    await eve.remove(second);
    const added = await eve.add();
    expect(await eve.replay(added)).toMatchObject({ deliveries: 1 });
    await eve.remove(added);
  }
  expect(await waiting(), "only the other owner's").toEqual(before.filter((key) => !key.includes(first)));
});

test('one owner of API keys leaves as many places to follow outcomes as it takes, whatever keys and tokens it has', async () => {
  const here = place();
  const api = await startApi(here, { outcomes: true });
  const rate = { requests: 1_000_000, windowSeconds: 1 } as const;
  const [eve, alsoEve, bo] = await Promise.all([
    addKey(here, { owner: 'eve', rate }),
    addKey(here, { owner: 'eve', rate }),
    addKey(here, { owner: 'bo' }),
  ]);
  const headersOf = ({ secret }: { secret: string }) => ({ authorization: `Bearer ${secret}` });
  const tokenOf = async (key: { secret: string }) =>
    (await api.post<{ token: string }>('/v1/outcomes/tokens', {}, headersOf(key))).body.token;
  const { port } = new URL(api.origin);
  const sockets: Socket[] = [];
  onTestFinished(() => {
    for (const socket of sockets) {
      socket.destroy();
    }
  });
  const follow = async (key: { secret: string }, query = '') => {
    const authorization = query === '' ? `\r\nAuthorization: Bearer ${key.secret}` : '';
    const socket = connect(Number(port), '127.0.0.1');
    sockets.push(socket);
    socket.write(`GET /v1/outcomes${query} HTTP/1.1\r\nHost: localhost${authorization}\r\n\r\n`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    return answer.toString();
  };
  for (let n = 0; n < 2_500; n += 1) {
    const answer = await follow(n % 2 === 0 ? eve : alsoEve, n % 100 === 0 ? `?token=${await tokenOf(eve)}` : '');
    expect(answer.slice(0, 15), `follower ${n}`).toBe('HTTP/1.1 200 OK');
  }
  for (const answer of [
    await follow(eve),
    await follow(alsoEve),
    await follow(eve, `?token=${await tokenOf(alsoEve)}`),
  ]) {
    expect(answer).toMatch(/^HTTP\/1.1 429 /);
    expect(answer).toMatch(/Retry-After: 10\r\n/);
    expect(answer).toContain('"code":"RATE_LIMITED"');
    expect(answer).toContain('2500 clients of the API keys\' owner \\"eve\\" follow outcomes here');
  }
  expect(await follow(bo)).toMatch(/^HTTP\/1.1 200 /);
  for (const socket of sockets.splice(0, 3)) {
    socket.destroy();
  }
  await until('their places are free', async () => (await follow(eve)).startsWith('HTTP/1.1 200 '));
}, 240_000);

test('who has left before he was let in takes no place', async () => {
  const here = place();
  const api = await startApi(here, {
    outcomes: true,
    authorize: async ({ headers }, response, next) => {
      restrictAccess(response, { operations: ['*'], keys: ['*'], owner: 'eve' });
      if (headers['x-leave'] !== undefined) {
        await once(response, 'close');
      }
      next();
    },
  });
  const port = Number(new URL(api.origin).port);
  const leave = async () => {
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /v1/outcomes HTTP/1.1\r\nHost: localhost\r\nX-Leave: 1\r\n\r\n', () => {
      setTimeout(() => socket.destroy(), 20);
    });
    await once(socket, 'close');
  };
  for (let n = 0; n < 2_600; n += 100) {
    await Promise.all(Array.from({ length: 100 }, leave));
  }
  expect((await followAt(`${api.origin}/v1/outcomes`)).status).toBe(200);
}, 240_000);

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
