import { randomBytes } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import type { Role } from '../../src/doctor/acl-needs.js';
import { createKeys } from '../../src/redis/keys.js';
import { disableWebhooksOf } from '../../src/subscribers/webhooks/revoke-owner.js';
import type { WebhookOptions } from '../../src/subscribers/webhooks/webhook-options.js';
import { createWebhookSender } from '../../src/subscribers/webhooks/webhook-sender.js';
import { addKey, callerWith } from '../support/api-keys.js';
import { followAt } from '../support/event-source.js';
import { startApi } from '../support/http-api.js';
import type { ShownProblem } from '../support/http-api.js';
import { board } from '../support/board.js';
import { tally } from '../support/command.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';
import { ownRedis, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { userOfRole } from '../support/user-of-role.js';
import { startReceiver } from '../support/webhook-receiver.js';

interface Shown {
  id: string;
  secret: string;
  owner?: string;
  disabled?: { why: string };
  webhooks: { id: string }[];
  deliveries: number;
}

const options = (): WebhookOptions => ({
  sealingKeys: [randomBytes(32)],
  allowHttp: true,
  allowedNetworks: ['127.0.0.0/8'],
});

function sendFor({ namespace, prefix, logger, redis }: Place, webhooks: WebhookOptions, url = redis) {
  const sender = createWebhookSender({ redis: url, namespace, prefix, logger, webhooks, closeTimeoutMs: 2_000 });
  onTestFinished(() => sender.close());
}

/** Calls the API, with a key or without. */
async function callers(here: Place, webhooks: WebhookOptions | undefined, redis = here.redis) {
  const api = await startApi(here, { outcomes: true, webhooks, redis });
  const as = (secret?: string) => async (method: string, path: string, body?: unknown) => {
    const headers = {
      ...(secret !== undefined && { authorization: `Bearer ${secret}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    };
    const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
    const answer = await api.request(path, init);
    return { status: answer.status, body: (await answer.json()) as Shown & ShownProblem };
  };
  return { api, as };
}

test('one owner of API keys does not take the webhooks of all', async () => {
  const here = place();
  const receiver = await startReceiver();
  const { as } = await callers(here, { ...options(), maxPerOwner: 3 });
  const add = async (owner?: string) => {
    const { secret } = await addKey(here, { webhooks: true, ...(owner !== undefined && { owner }) });
    return () => as(secret)('POST', '/v1/webhooks', { url: receiver.url });
  };
  const [ann, alsoAnn, bo, nobody] = await Promise.all([add('ann'), add('ann'), add('bo'), add()]);
  const added = await Promise.all(Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? ann() : alsoAnn())));
  expect(added.map(({ status }) => status).sort()).toEqual([201, 201, 201, 422, 422, 422, 422, 422]);
  const asked = receiver.asked.length;
  const { status, body } = await ann();
  expect(receiver.asked.length, 'who has too many has nobody asked').toBe(asked);
  expect({ status, code: body.code, detail: body.detail }).toEqual({
    status: 422,
    code: 'INVALID_WEBHOOK',
    detail: expect.stringMatching(/"ann" has 3 webhooks already.*remove.*TALLY_WEBHOOK_MAX_PER_OWNER/) as string,
  });
  expect(await bo()).toMatchObject({ status: 201 });
  for (const expected of [201, 201, 201, 422]) {
    expect(await nobody()).toMatchObject({ status: expected });
  }
  const removed = added.find(({ status: code }) => code === 201)!.body.id;
  await here.client.hdel(createKeys(here).webhooks, removed);
  expect(await ann()).toMatchObject({ status: 201 });
});

test('one owner of API keys has ten targets asked at a time, and keeps nobody else from asking', async () => {
  const here = place();
  const [silent, receiver] = [await startReceiver(), await startReceiver()];
  let goOn = () => undefined as unknown;
  const released = new Promise(
    (resolve) =>
      (goOn = () => {
        resolve(undefined);
      }),
  );
  silent.beforeAllowed = () => released;
  const { api } = await callers(here, options());
  const [ann, bo] = await Promise.all(['ann', 'bo'].map((owner) => addKey(here, { webhooks: true, owner })));
  const add = ({ secret }: { secret: string }, { url }: { url: string }) =>
    callerWith(api, `Bearer ${secret}`).post('/v1/webhooks', { url });
  const answers: Awaited<ReturnType<typeof add>>[] = [];
  const all = Array.from({ length: 12 }, () => add(ann!, silent).then((answer) => answers.push(answer)));
  await until('two are refused, and the others wait', () => answers.length === 2 && silent.asked.length === 10);
  expect(answers.map(({ status, body, headers }) => [status, body.code, headers.get('retry-after')])).toEqual(
    answers.map(() => [429, 'RATE_LIMITED', '10']),
  );
  expect(await add(bo!, receiver)).toMatchObject({ status: 201 });
  goOn();
  await Promise.all(all);
  expect(answers.slice(2).map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 201));
  expect(await add(ann!, receiver), 'the places are free again').toMatchObject({ status: 201 });
});

test('webhooks need an API key that was made for them, and are those of its owner', async () => {
  skipUnlessOneServer('outcomes are told on one server');
  const here = place();
  const receiver = await startReceiver();
  const { as } = await callers(here, options());
  const keys = await Promise.all([
    addKey(here),
    addKey(here, { webhooks: true, owner: 'ann' }),
    addKey(here, { webhooks: true, owner: 'bo' }),
  ]);
  const [plain, ann, bo] = keys.map(({ secret }) => as(secret)) as [
    ReturnType<typeof as>,
    ReturnType<typeof as>,
    ReturnType<typeof as>,
  ];
  const added = await ann('POST', '/v1/webhooks', { url: receiver.url, crosses: 'below:5' });
  expect(added).toMatchObject({ status: 201, body: { owner: 'ann', crosses: 'below:5', hasToken: false } });
  expect(added.body.secret).toMatch(/^whsec_/);
  const one = `/v1/webhooks/${added.body.id}`;
  const since = new Date(0).toISOString();
  const calls: [string, string, unknown?][] = [
    ['GET', one],
    ['POST', `${one}/secret`],
    ['POST', `${one}/disable`],
    ['POST', `${one}/replay`, { since }],
    ['DELETE', one],
  ];
  for (const call of [
    ['GET', '/v1/webhooks'],
    ['POST', '/v1/webhooks', { url: receiver.url }],
    ...calls,
  ] as typeof calls) {
    expect(await plain(...call)).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
    expect(await as()(...call)).toMatchObject({ status: 401 });
  }
  for (const call of calls) {
    expect(await bo(...call)).toMatchObject({ status: 404, body: { code: 'WEBHOOK_NOT_FOUND' } });
  }
  expect((await bo('GET', '/v1/webhooks')).body.webhooks).toEqual([]);
  expect((await ann('GET', '/v1/webhooks')).body.webhooks).toMatchObject([{ id: added.body.id }]);
  expect(JSON.stringify(await ann('GET', one))).not.toContain('ealed');
  expect((await ann('POST', `${one}/secret`)).body.secret).not.toBe(added.body.secret);
  expect((await ann('POST', `${one}/disable`)).body.disabled?.why).toBe('BY_HAND');
  expect(await ann('POST', `${one}/replay`, { since })).toMatchObject({
    status: 409,
    body: { code: 'WEBHOOK_DISABLED' },
  });
  expect((await ann('POST', `${one}/enable`)).body.disabled).toBeUndefined();
  expect(await ann('POST', `${one}/replay`, { since })).toMatchObject({ status: 200, body: { deliveries: 0 } });
  expect(await disableWebhooksOf('ann', { redis: here.client, keys: createKeys(here) })).toBe(1);
  expect((await ann('GET', one)).body.disabled?.why).toBe('KEY_REVOKED');
  expect(await ann('DELETE', one)).toMatchObject({ status: 200, body: { status: 'removed' } });
});

test('no webhook is added or enabled with an API key that was revoked, not even before servers know', async () => {
  skipUnlessOneServer('outcomes are told on one server');
  const here = place();
  const receiver = await startReceiver();
  const { as } = await callers(here, options());
  const { id, secret } = await addKey(here, { webhooks: true, owner: 'ann' });
  const other = await addKey(here, { webhooks: true, owner: 'bo' });
  const ann = as(secret);
  const one = `/v1/webhooks/${(await ann('POST', '/v1/webhooks', { url: receiver.url })).body.id}`;
  await ann('POST', `${one}/disable`);
  const environment = { REDIS_URL: here.redis, TALLY_NAMESPACE: here.namespace, TALLY_PREFIX: here.prefix };
  receiver.beforeAllowed = () => tally(environment, 'keys', 'revoke', id);

  expect(await ann('POST', '/v1/webhooks', { url: receiver.url })).toMatchObject({ status: 401 });
  expect(receiver.asked).toHaveLength(2);
  for (const call of ['enable', 'secret', 'disable']) {
    expect(await ann('POST', `${one}/${call}`), call).toMatchObject({ status: 401 });
  }
  const stored = await here.client.hgetall(createKeys(here).webhooks);
  expect(Object.values(stored)).toEqual([expect.stringContaining('"disabled"')]);
  expect(await as(other.secret)('GET', '/v1/webhooks')).toMatchObject({ status: 200 });
});

test('a key whose webhooks can not be disabled is not revoked, and can be revoked once more', async () => {
  const here = place();
  const { id } = await addKey(here, { webhooks: true, owner: 'ann' });
  const environment = { REDIS_URL: here.redis, TALLY_NAMESPACE: here.namespace, TALLY_PREFIX: here.prefix };
  const { webhooks } = createKeys(here);
  await here.client.set(webhooks, 'no hash');
  const refused = await tally(environment, 'keys', 'revoke', id);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('WRONGTYPE');
  await here.client.del(webhooks);
  expect(await tally(environment, 'keys', 'revoke', id)).toMatchObject({ code: 0 });
});

test('a webhook is told no more than the API key that added it may know, also in a replay', async () => {
  skipUnlessOneServer('outcomes are told on one server');
  const here = place();
  const webhooks = options();
  await here.worker({ outcomes: true });
  const receiver = await startReceiver();
  const { as } = await callers(here, webhooks);
  const { secret } = await addKey(here, { webhooks: true, operations: ['inventory.*'], keys: [here.key('mine:*')] });
  const call = as(secret);
  const { body } = await call('POST', '/v1/webhooks', { url: receiver.url, keys: ['*'] });
  sendFor(here, webhooks);
  const { inventory, counters } = here.producer();
  const [mine, theirs] = [here.key('mine:a'), here.key('theirs:b')];
  for (const submission of [
    await inventory.restock({ key: theirs, quantity: 1 }),
    await counters.increment({ key: mine }),
    await inventory.restock({ key: mine, quantity: 1 }),
  ]) {
    await submission.outcome({ timeoutMs: 60_000 });
  }
  await until('its own is told', () => receiver.posts.length === 1);
  const replayed = await call('POST', `/v1/webhooks/${body.id}/replay`, { since: new Date(0).toISOString() });
  expect(replayed).toMatchObject({ status: 200, body: { deliveries: 1 } });
  await until('it is told again', () => receiver.posts.length === 2);
  expect(receiver.verified(body.secret).map(({ subject }) => subject)).toEqual([mine, mine]);
});

test('what is not valid, or leads where it may not, is refused by name', async () => {
  skipUnlessOneServer('outcomes are told on one server');
  const here = place();
  const { as } = await callers(here, { sealingKeys: [randomBytes(32)] });
  const refusal = async (body: unknown) => {
    const { status, body: answer } = await as()('POST', '/v1/webhooks', body);
    return [status, answer.code];
  };
  for (const url of ['http://example.com/', 'https://127.0.0.1/', 'https://[::1]/', 'https://localhost/', 'nonsense']) {
    expect(await refusal({ url }), url).toEqual([422, 'FORBIDDEN_TARGET']);
  }
  for (const body of [
    {},
    { url: 'https://example.com/', x: 1 },
    { url: 'https://example.com/', operations: ['no.such'] },
  ]) {
    expect(await refusal(body)).toEqual([422, 'INVALID_WEBHOOK']);
  }
  const { as: off } = await callers(here, undefined);
  expect(await off()('GET', '/v1/webhooks')).toMatchObject({ status: 501, body: { code: 'WEBHOOKS_OFF' } });
});

test('deliveries stand on the board, with why they failed, and are sent again from there', async () => {
  skipUnlessOneServer('outcomes are told on one server');
  const here = place();
  const webhooks = options();
  await here.worker({ outcomes: true });
  const receiver = await startReceiver();
  const { as } = await callers(here, webhooks);
  await as()('POST', '/v1/webhooks', { url: receiver.url });
  receiver.answer = () => ({ status: 410 });
  sendFor(here, webhooks);
  const { queues, request } = await board(here);
  await (await here.producer().xp.award({ key: here.key('bo'), amount: 1 })).outcome({ timeoutMs: 60_000 });
  const deliveries = async () => (await queues()).find(({ name }) => name === 'webhook-deliveries');
  await until('it failed', async () => (await deliveries())?.counts['failed'] === 1);
  const path = '/ops/queues/api/queues?activeQueue=webhook-deliveries&status=failed&page=1&jobsPerPage=10';
  const shown = JSON.stringify(await (await request(path)).json());
  expect(shown).toContain('the target answered 410');
  expect(shown).toContain('tally.xp.award.applied');
  receiver.answer = () => ({ status: 200 });
  const [webhook] = (await as()('GET', '/v1/webhooks')).body.webhooks;
  await as()('POST', `/v1/webhooks/${webhook!.id}/enable`);
  await new Promise((resolve) => setTimeout(resolve, 2_500)); // so long a sender goes on with what it knows
  const [job] = (await queues('webhook-deliveries')).find(({ name }) => name === 'webhook-deliveries')!.jobs;
  const retry = `/ops/queues/api/queues/webhook-deliveries/${job!.id}/retry`;
  expect((await request(retry, { method: 'PUT' })).status).toBeLessThan(300);
  await until('it is delivered', async () => (await deliveries())?.counts['completed'] === 1);
  expect(receiver.posts).toHaveLength(2);
});

test('the users of docs/redis-acl.md are refused nothing on the way of webhooks and of the stream', async () => {
  const own = await ownRedis();
  const here = place(own.url);
  const userOf = (role: Role) => userOfRole(here, role, ['{*']);
  const webhooks = options();
  const receiver = await startReceiver();
  await here.worker({ outcomes: true, redis: await userOf('worker') });
  const { api, as } = await callers(here, webhooks, await userOf('api'));
  await here.client.call('ACL', 'LOG', 'RESET');
  const { body } = await as()('POST', '/v1/webhooks', { url: receiver.url, perMinute: 6_000 });
  sendFor(here, webhooks, await userOf('worker'));
  receiver.answer = (_, nth) => ({ status: nth === 1 ? 429 : 204, headers: { 'retry-after': '1' } });
  const { token } = (await as()('POST', '/v1/outcomes/tokens', {})).body as unknown as { token: string };
  const follower = await followAt(`${api.origin}/v1/outcomes?token=${token}`);
  await (await here.producer().xp.award({ key: here.key('bo'), amount: 1 })).outcome({ timeoutMs: 60_000 });
  await follower.until('it is told', () => follower.outcomes().length === 1);
  await until('it is delivered', () => receiver.posts.length === 2);
  const one = `/v1/webhooks/${body.id}`;
  expect(await as()('POST', `${one}/replay`, { since: new Date(0).toISOString() })).toMatchObject({ status: 200 });
  await until('it is delivered again', () => receiver.posts.length === 3);
  receiver.answer = () => ({ status: 410 });
  await as()('POST', `${one}/secret`);
  await as()('POST', `${one}/replay`, { since: new Date(0).toISOString() });
  await until('it is disabled', async () => (await as()('GET', one)).body.disabled?.why === 'GONE');
  expect(await as()('DELETE', one)).toMatchObject({ status: 200 });
  expect(await here.client.call('ACL', 'LOG')).toEqual([]);
});

test('a secret that is changed while Redis hangs is not said to be the old one', async () => {
  const { url } = await ownRedis();
  const here = place(url);
  const receiver = await startReceiver();
  const api = await startApi(here, { outcomes: true, webhooks: options(), submitTimeoutMs: 500 });
  const post = (path: string, body?: unknown) => api.post<Shown & ShownProblem>(path, body);
  const { id } = (await post('/v1/webhooks', { url: receiver.url })).body;
  const stored = async () => JSON.stringify(await here.client.hgetall(createKeys(here).webhooks));
  const before = await stored();
  await here.client.call('CLIENT', 'PAUSE', '1500', 'WRITE');

  const { status, body } = await post(`/v1/webhooks/${id}/secret`);

  expect({ status, accepted: body.accepted }).toEqual({ status: 503, accepted: 'unknown' });
  expect(body.detail).toMatch(/not known whether the request took effect: look before you send it again/);
  await until('it took effect', async () => (await stored()) !== before);
});
