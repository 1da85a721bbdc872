import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { Submission } from '../../src/index.js';
import type { WebhookOptions } from '../../src/subscribers/webhooks/webhook-options.js';
import { createWebhookSender } from '../../src/subscribers/webhooks/webhook-sender.js';
import { addKey } from '../support/api-keys.js';
import { followAt } from '../support/event-source.js';
import { startApi } from '../support/http-api.js';
import type { ShownProblem } from '../support/http-api.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { startReceiver } from '../support/webhook-receiver.js';

/** As a set-up for production has them: nothing but what is public. */
const strict = (): WebhookOptions => ({ sealingKeys: [randomBytes(32)] });
const onLoopback = (): WebhookOptions => ({ ...strict(), allowHttp: true, allowedNetworks: ['127.0.0.1'] });

type Caller = (
  method: string,
  path: string,
  body?: unknown,
) => Promise<{ status: number; body: Record<string, unknown> & Partial<ShownProblem> }>;

async function callers(here: Place, webhooks: WebhookOptions) {
  skipUnlessOneServer('outcomes are told on one server');
  const api = await startApi(here, { outcomes: true, webhooks });
  const as =
    (secret?: string): Caller =>
    async (method, path, body) => {
      const headers = {
        ...(secret !== undefined && { authorization: `Bearer ${secret}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      };
      const answer = await api.request(path, {
        method,
        headers,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      return { status: answer.status, body: (await answer.json()) as Awaited<ReturnType<Caller>>['body'] };
    };
  return { api, as };
}

/** Every way to touch a webhook, and to add one. */
type Call = [method: string, path: string, body?: unknown];

const routes = (id: string): Call[] => [
  ['GET', `/v1/webhooks/${id}`],
  ['DELETE', `/v1/webhooks/${id}`],
  ['POST', `/v1/webhooks/${id}/secret`],
  ['POST', `/v1/webhooks/${id}/enable`],
  ['POST', `/v1/webhooks/${id}/disable`],
  ['POST', `/v1/webhooks/${id}/replay`, { since: new Date(0).toISOString() }],
];

test('no key, a key for other things, and one of another owner change, see and add nothing', async () => {
  const here = place();
  const { as } = await callers(here, onLoopback());
  const receiver = await startReceiver();
  const keys = {
    ann: (await addKey(here, { webhooks: true, owner: 'ann' })).secret,
    bo: (await addKey(here, { webhooks: true, owner: 'bo' })).secret,
    unnamed: (await addKey(here, { webhooks: true })).secret,
    writer: (await addKey(here, { owner: 'ann' })).secret,
    reader: (await addKey(here, { owner: 'ann', readOnly: true })).secret,
  };
  const { body: added } = await as(keys.ann)('POST', '/v1/webhooks', { url: receiver.url });
  const id = String(added['id']);
  const asAdded = (await as(keys.ann)('GET', `/v1/webhooks/${id}`)).body;
  const add: Call = ['POST', '/v1/webhooks', { url: receiver.url }];
  const list: Call = ['GET', '/v1/webhooks'];
  const asked = receiver.asked.length;
  for (const call of [...routes(id), add, list]) {
    const what = call.slice(0, 2).join(' ');
    expect((await as()(...call)).status, `without a key: ${what}`).toBe(401);
    expect((await as('made-up')(...call)).status, `with a key made up: ${what}`).toBe(401);
    expect((await as(keys.writer)(...call)).status, `with a key that writes: ${what}`).toBe(403);
    expect((await as(keys.reader)(...call)).status, `with a key that reads: ${what}`).toBe(403);
  }
  for (const call of routes(id)) {
    for (const other of [keys.bo, keys.unnamed]) {
      expect((await as(other)(...call)).status, `of another owner: ${call.slice(0, 2).join(' ')}`).toBe(404);
    }
  }
  expect((await as(keys.bo)('GET', '/v1/webhooks')).body['webhooks']).toEqual([]);
  expect((await as(keys.ann)('GET', `/v1/webhooks/${id}`)).body).toEqual(asAdded);
  expect(receiver.asked.length, 'nobody was asked').toBe(asked);
});

const INSIDE = [
  ...['https://127.0.0.1/', 'https://127.1/', 'https://0x7f000001/', 'https://2130706433/', 'https://017700000001/'],
  ...['https://0.0.0.0/', 'https://[::]/', 'https://[::1]/', 'https://[::ffff:127.0.0.1]/', 'https://[::ffff:7f00:1]/'],
  ...['https://[::127.0.0.1]/', 'https://[64:ff9b::7f00:1]/', 'https://[2002:7f00:1::]/', 'https://[fe80::1]/'],
  ...['https://[fd12::1]/', 'https://10.1.2.3/', 'https://172.16.0.1/', 'https://192.168.1.1/', 'https://100.64.0.1/'],
  ...['https://169.254.169.254/latest/meta-data/', 'https://168.63.129.16/', 'https://[fd00:ec2::254]/'],
  ...['https://224.0.0.1/', 'https://255.255.255.255/', 'https://localhost/', 'https://１２７.0.0.1/'],
  ...['https://127.0.0.1.:443/', 'https://user:pass@example.com/', 'https://example.com/#x', 'http://example.com/'],
  ...[
    'file:///etc/passwd',
    'gopher://127.0.0.1:6379/_FLUSHALL',
    'redis://127.0.0.1/',
    'javascript:alert(1)',
    '//example.com',
  ],
  ...['https://', `https://example.com/${'a'.repeat(2_000)}`, 'https://exa mple.com/', ''],
];

test('a URL that leads inside, or is none that is posted to, is refused however it is written', async () => {
  const here = place();
  const { as } = await callers(here, strict());
  for (const url of INSIDE) {
    expect(await as()('POST', '/v1/webhooks', { url }), url).toMatchObject({
      status: 422,
      body: { code: 'FORBIDDEN_TARGET' },
    });
  }
  expect((await as()('GET', '/v1/webhooks')).body['webhooks']).toEqual([]);
});

test('what is not for the caller to say, too much of it, and texts that would be headers of their own, are refused', async () => {
  const here = place();
  const { as } = await callers(here, onLoopback());
  const receiver = await startReceiver();
  const many = (length: number) => Array.from({ length }, (_, index) => `stock:${index}:*`);
  for (const [what, more] of Object.entries({
    secret: { secret: 'whsec_AAAA' },
    owner: { owner: 'bo' },
    scope: { scope: { operations: ['*'], keys: ['*'] } },
    origin: { origin: 'somebody.else' },
    handshake: { handshake: false },
    'a header in the token': { token: 'x\r\nX-Evil: 1' },
    'a newline in the token': { token: 'x\nX-Evil: 1' },
    'a token of other characters': { token: 'ключ' },
    'a token that is too long': { token: 'x'.repeat(1_001) },
    'no rate': { perMinute: 0 },
    'a rate below 0': { perMinute: -1 },
    'a rate that is too high': { perMinute: 60_001 },
    'a text as rate': { perMinute: '10' },
    '101 patterns': { keys: many(101) },
    '50,000 patterns': { keys: many(50_000) },
    'a pattern of 100,000 characters': { keys: ['*a'.repeat(50_000)] },
    'a pattern of 17 parts': { keys: ['*a'.repeat(17)] },
    'an empty pattern': { keys: [''] },
    'no patterns': { keys: [] },
    'a crossing without a level': { crosses: 'below:' },
    'a crossing of another kind': { crosses: 'under:5' },
    'a level that is too large': { crosses: 'below:9007199254740993' },
    'a status that there is not': { statuses: ['done'] },
  })) {
    const { status, body } = await as()('POST', '/v1/webhooks', { url: receiver.url, ...more });
    expect([status, body.code], what).toEqual([422, 'INVALID_WEBHOOK']);
  }
  for (const name of ['__proto__', 'constructor']) {
    const polluted = JSON.parse(`{"url":"${receiver.url}","${name}":{"owner":"bo"}}`) as object;
    expect((await as()('POST', '/v1/webhooks', polluted)).body.code, name).toBe('INVALID_JSON');
  }
  const injected = `${receiver.url}/\r\nX-Evil: 1\r\n\r\nGET /admin\u001b[2J`;
  const { status, body } = await as()('POST', '/v1/webhooks', { url: injected });
  expect(status).toBe(201); // a URL has no line ends: they are left out of it, and the rest is a part of the path
  expect(body['url']).not.toMatch(/[^\x21-\x7e]/);
  expect(receiver.asked.every(({ headers }) => !('x-evil' in headers))).toBe(true);
  expect(receiver.asked).toHaveLength(1);
});

test.for(['__proto__', 'constructor', '..%2fapi-keys', '%00', '*', 'wh_%0d%0a', 'a'.repeat(5_000)])(
  'an id that is none finds none: %s',
  async (id) => {
    const here = place();
    const { as } = await callers(here, onLoopback());
    for (const [method, path, body] of routes(id)) {
      const { status } = await as()(method, path, body);
      expect([400, 404], `${method} ${path.slice(0, 40)}`).toContain(status);
    }
  },
);

test.for([
  { since: 'yesterday' },
  { since: '2026-01-01' },
  { since: -1 },
  { since: '2026-01-01T00:00:00Z', until: 'x' },
  { since: '2026-01-01T00:00:00Z', cursor: 'x' },
  {},
])('a replay of no range is refused: %j', async (range) => {
  const here = place();
  const { as } = await callers(here, onLoopback());
  const receiver = await startReceiver();
  const { body } = await as()('POST', '/v1/webhooks', { url: receiver.url });
  const replayed = await as()('POST', `/v1/webhooks/${String(body['id'])}/replay`, range);
  expect(replayed).toMatchObject({ status: 422, body: { code: 'INVALID_WEBHOOK' } });
});

/** A target that answers as it likes. */
async function target(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
}

test('a target can not lead Tally elsewhere by a redirect, neither when it is asked nor when it is sent to', async () => {
  const here = place();
  const webhooks = onLoopback();
  const { as } = await callers(here, webhooks);
  const inside = await startReceiver();
  for (const status of [301, 302, 303, 307, 308]) {
    const url = await target((_request, response) => response.writeHead(status, { location: inside.url }).end());
    expect(await as()('POST', '/v1/webhooks', { url })).toMatchObject({
      status: 422,
      body: { code: 'HANDSHAKE_FAILED' },
    });
  }
  let posts = 0;
  const url = await target((request, response) => {
    posts += Number(request.method === 'POST');
    response.writeHead(307, { location: inside.url, 'webhook-allowed-origin': '*' }).end();
  });
  expect((await as()('POST', '/v1/webhooks', { url })).status).toBe(201); // it allows it itself
  await here.worker({ outcomes: true });
  const { redis, namespace, prefix, logger } = here;
  const sender = createWebhookSender({
    redis,
    namespace,
    prefix,
    logger,
    webhooks,
    closeTimeoutMs: 2_000,
    retriesFasterBy: 100,
  });
  onTestFinished(() => sender.close());
  await (
    await here.producer().inventory.restock({ key: here.key('lamp'), quantity: 1 })
  ).outcome({ timeoutMs: 60_000 });
  await until('it was sent to, and again', () => posts >= 2);
  expect([inside.asked, inside.posts]).toEqual([[], []]);
});

test('a target that answers without end, or with nonsense, is left, and no other is held up', async () => {
  const here = place();
  const webhooks = onLoopback();
  const { as } = await callers(here, webhooks);
  const good = await startReceiver();
  let endless = 0;
  const url = await target((request, response) => {
    const rate = request.url === '/hook?rate' ? '-5, 1e999' : '*';
    response.writeHead(200, { 'webhook-allowed-origin': '*', 'webhook-allowed-rate': rate, 'retry-after': '-1' });
    if (request.method === 'OPTIONS') {
      response.end();
      return;
    }
    endless += 1;
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(64 * 1024)));
    };
    response.on('drain', more);
    more();
  });
  for (const each of [url, `${url}?rate`, good.url]) {
    expect((await as()('POST', '/v1/webhooks', { url: each })).status).toBe(201);
  }
  await here.worker({ outcomes: true });
  const { redis, namespace, prefix, logger } = here;
  const sender = createWebhookSender({ redis, namespace, prefix, logger, webhooks, closeTimeoutMs: 2_000 });
  onTestFinished(() => sender.close());
  const before = process.memoryUsage().rss;
  await (
    await here.producer().inventory.restock({ key: here.key('lamp'), quantity: 1 })
  ).outcome({ timeoutMs: 60_000 });
  await until('the others are sent to', () => good.posts.length === 1 && endless >= 2);
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
});

test.for([
  ...['garbage', 'MQ', '-1', '0-0', '../../etc/passwd', 'null', '%0d%0aX-Evil:1', 'x'.repeat(201)],
  Buffer.from('1 99999999999999999999999-0 0 0').toString('base64url'),
  Buffer.from('1 99999999999999999999-0 0 0').toString('base64url'),
  Buffer.from('1 0-0 99999999999 -').toString('base64url'),
  Buffer.from('2 0-0 0 -').toString('base64url'),
  Buffer.from('1 0-0 0 - ').toString('base64url'),
])('a cursor that somebody made up is refused by name: %s', async (cursor) => {
  const here = place();
  const { api } = await callers(here, onLoopback());
  const answer = await api.request(`/v1/outcomes?lastEventId=${encodeURIComponent(cursor)}`);
  expect(answer.status).toBeGreaterThanOrEqual(400);
  expect(answer.status).toBeLessThan(500);
  await answer.text();
});

test('a cursor that is well made tells no more than the API key may know, nor of another namespace', async () => {
  const [here, other] = [place(), place()];
  const { api } = await callers(here, onLoopback());
  await Promise.all([here.worker({ outcomes: true }), other.worker({ outcomes: true })]);
  const restock = async (at: Place, key: string) =>
    (await at.producer().inventory.restock({ key, quantity: 1 })).outcome({ timeoutMs: 60_000 });
  await restock(here, here.key('secret'));
  await restock(here, here.key('mine'));
  await restock(other, other.key('theirs'));
  const { secret } = await addKey(here, { keys: [here.key('mine')] });
  const follower = await followAt(`${api.origin}/v1/outcomes`, {
    authorization: `Bearer ${secret}`,
    'last-event-id': Buffer.from('1 0-0 0 -').toString('base64url'),
  });
  await restock(here, here.key('mine'));
  await follower.until('both of its own are told', () => follower.outcomes().length >= 2);
  const heard = JSON.stringify(follower.heard);
  expect(heard).toContain(here.key('mine'));
  expect(heard).not.toContain(here.key('secret'));
  expect(heard).not.toContain(other.key('theirs'));
});

test('a transaction is told to no API key that may not use the operations of its steps', async () => {
  const here = place();
  const { api } = await callers(here, onLoopback());
  await here.worker({ outcomes: true });
  const { secret } = await addKey(here, { operations: ['transaction', 'counter.increment'], keys: ['*'] });
  const follower = await followAt(`${api.origin}/v1/outcomes`, { authorization: `Bearer ${secret}` });
  const keys = ['a', 'b'].map((name) => here.key(name));
  const appliedOf = async (submission: Promise<Submission>) => {
    const { id } = await submission;
    expect(await (await submission).outcome()).toMatchObject({ status: 'applied' });
    return id;
  };
  const producer = here.producer();
  const sets = keys.map((key) => ({ operation: 'counter.set' as const, params: { key, value: 7 } }));
  const increments = keys.map((key) => ({ operation: 'counter.increment' as const, params: { key } }));
  const hidden = await appliedOf(producer.submit({ operation: 'transaction', params: { updates: sets } }));
  const seen = await appliedOf(producer.submit({ operation: 'transaction', params: { updates: increments } }));
  await follower.until('the second is told', () => follower.outcomes().length > 0);
  const heard = JSON.stringify(follower.heard);
  expect(heard).toContain(seen);
  expect(heard).not.toContain(hidden);
});
