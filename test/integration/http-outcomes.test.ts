import { expect, test } from 'vitest';
import { KeyStore } from '../../src/api/access/key-store.js';
import { createKeys } from '../../src/redis/keys.js';
import { addKey } from '../support/api-keys.js';
import { followAt } from '../support/event-source.js';
import { startApi } from '../support/http-api.js';
import type { ShownProblem } from '../support/http-api.js';
import { place, until } from '../support/tally.js';
import { streamKey } from '../support/told.js';

const take = (key: string, quantity = 1) =>
  ({ operation: 'inventory.take', params: { key, quantity, whenShort: 'reject' } }) as const;
const restock = (key: string, quantity: number) =>
  ({ operation: 'inventory.restock', params: { key, quantity } }) as const;

async function told() {
  const here = place();
  await here.worker({ outcomes: true });
  const api = await startApi(here, { outcomes: true });
  const producer = here.producer();
  const apply = async (...updates: (ReturnType<typeof take> | ReturnType<typeof restock>)[]) => {
    for (const update of updates) {
      await (await producer.submit(update)).outcome({ timeoutMs: 60_000 });
    }
  };
  return { here, api, apply, url: `${api.origin}/v1/outcomes` };
}

test('each outcome is told as a CloudEvent, with the values before and after', async () => {
  const { here, url, apply } = await told();
  const follower = await followAt(url);
  expect(follower.status).toBe(200);
  expect(follower.headers['content-type']).toBe('text/event-stream; charset=utf-8');
  expect(follower.headers['cache-control']).toBe('no-store');
  const key = here.key('lamp');
  await apply(restock(key, 3), take(key, 5));
  await follower.until('both are told', () => follower.outcomes().length === 2);
  expect(follower.outcomes()).toMatchObject([
    {
      specversion: '1.0',
      type: 'tally.inventory.restock.applied',
      source: `/tally/${here.namespace}`,
      subject: key,
      data: { status: 'applied', cells: [{ key, before: null, after: 3 }] },
    },
    { type: 'tally.inventory.take.rejected', data: { reason: 'INSUFFICIENT_STOCK' } },
  ]);
});

test('operation, status, key and crosses say what is told', async () => {
  const { here, url, apply } = await told();
  const [lamp, sofa] = [here.key('stock:lamp'), here.key('stock:sofa')];
  const followers = await Promise.all(
    [
      'operation=inventory.take',
      'status=rejected&status=failed',
      `key=${encodeURIComponent(here.key('stock:l*'))}`,
      'crosses=below:5',
    ].map((query) => followAt(`${url}?${query}`)),
  );
  const all = await followAt(url);
  await apply(restock(lamp, 6), restock(sofa, 1), take(lamp), take(lamp), take(lamp), take(sofa, 2));
  await all.until('all are told', () => all.outcomes().length === 6);
  const seen = () =>
    followers.map((follower) =>
      follower.outcomes().map(({ type, data }) => `${type.slice(6)} ${data.cells[0]?.after ?? ''}`),
    );
  await until('each has its own', () => seen().flat().length >= 10);
  expect(seen()).toEqual([
    ['inventory.take.applied 5', 'inventory.take.applied 4', 'inventory.take.applied 3', 'inventory.take.rejected 1'],
    ['inventory.take.rejected 1'],
    ['inventory.restock.applied 6', 'inventory.take.applied 5', 'inventory.take.applied 4', 'inventory.take.applied 3'],
    ['inventory.take.applied 4'],
  ]);
});

test('who comes back with the last id hears all that came since, once; also from a heartbeat', async () => {
  const { here, url, apply } = await told();
  const key = here.key('lamp');
  const names: string[] = [];
  let lastId = (await followAt(`${url}?status=failed`)).lastId();
  for (let round = 0; round < 5; round += 1) {
    const follower = await followAt(url, { 'last-event-id': lastId });
    await apply(restock(key, 1), restock(key, 1));
    await follower.until('two more are told', () => follower.outcomes().length === (round === 0 ? 2 : 4));
    names.push(...follower.outcomes().map(({ id }) => id));
    lastId = follower.lastId();
    follower.leave();
    await apply(restock(key, 1), restock(key, 1)); // while nobody is there
  }
  const late = await followAt(`${url}?lastEventId=${lastId}`);
  await late.until('the last two are told', () => late.outcomes().length === 2);
  names.push(...late.outcomes().map(({ id }) => id));
  const whole = await followAt(`${url}?from=beginning`);
  await whole.until('all are told', () => whole.outcomes().length === 20);
  expect(names).toEqual(whole.outcomes().map(({ id }) => id));
});

test('what the stream does not hold any more is told by an event, and the status stays 200', async () => {
  const { here, api, url, apply } = await told();
  const key = here.key('lamp');
  const first = await followAt(url);
  const cursor = first.lastId();
  await apply(restock(key, 1), restock(key, 1), restock(key, 1));
  await here.client.xtrim(await streamKey(here), 'MAXLEN', 1);
  const other = await startApi(here); // the first one has them in memory still
  const late = await followAt(`${other.origin}/v1/outcomes`, { 'last-event-id': cursor });
  expect(late.status).toBe(200);
  await late.until('the last one is told', () => late.outcomes().length === 1);
  expect(late.heard[0]).toMatchObject({
    event: 'gap',
    data: { specversion: '1.0', type: 'tally.gap', data: { lost: 2, to: expect.any(String) as string } },
  });
  const bad = await api.get<ShownProblem>('/v1/outcomes?lastEventId=nonsense');
  expect({ status: bad.status, code: bad.body.code }).toEqual({ status: 422, code: 'INVALID_CURSOR' });
});

test('a cursor of what Redis has forgotten, or of nothing at all, is told a gap, also beside others who follow', async () => {
  const { here, url, apply } = await told();
  const key = here.key('lamp');
  await apply(restock(key, 1));
  const first = await followAt(`${url}?from=beginning`);
  await first.until('the feed is at its end', () => first.outcomes().length === 1);
  const known = Buffer.from(first.lastId(), 'base64url').toString();
  const ahead = Buffer.from(known.replace(/\d+-\d+/, `${Date.now() + 3_600_000}-0`)).toString('base64url');
  const follower = await followAt(url, { 'last-event-id': ahead });
  await follower.until('it is told of its gap', () => follower.heard.length === 1);
  expect(follower.heard).toMatchObject([{ event: 'gap', data: { type: 'tally.gap' } }]);
  await apply(restock(key, 1));
  await follower.until('it goes on', () => follower.outcomes().length === 1);
});

test('an API key is told of its operations and keys only: every cell has to be one of them', async () => {
  const { here, url, apply } = await told();
  const [mine, theirs] = [here.key('mine:a'), here.key('theirs:b')];
  const { secret } = await addKey(here, { operations: ['inventory.*'], keys: [here.key('mine:*')] });
  const { secret: other } = await addKey(here, { operations: ['counter.*', 'transaction'] });
  const { secret: all } = await addKey(here);
  const follow = (key: string) => followAt(url, { authorization: `Bearer ${key}` });
  const [limited, counting, free] = [await follow(secret), await follow(other), await follow(all)];
  await apply(restock(theirs, 5), restock(mine, 5), take(theirs), take(mine));
  const cart = { items: [mine, theirs].map((key) => ({ key, quantity: 1 })) };
  await (await here.producer().inventory.takeAll(cart)).outcome({ timeoutMs: 60_000 });
  await (await here.producer().counters.increment({ key: theirs })).outcome({ timeoutMs: 60_000 });
  await free.until('all are told', () => free.outcomes().length === 6);
  await counting.until('its own is told', () => counting.outcomes().length === 1);
  await limited.until('its own are told', () => limited.outcomes().length === 2);
  expect(limited.outcomes().map(({ subject }) => subject)).toEqual([mine, mine]);
  expect(counting.outcomes().map(({ type }) => type)).toEqual(['tally.counter.increment.applied']);
  expect((await followAt(url)).status).toBe(401);
});

test('a browser follows with a token that its service got: once, in time, and as far as the API key goes', async () => {
  const { here, api, url, apply } = await told();
  const { id, secret } = await addKey(here, { keys: [here.key('mine:*')] });
  const authorization = `Bearer ${secret}`;
  const tokenFor = async (body: object) => {
    const answer = await api.post<{ token: string; expiresAt: string }>('/v1/outcomes/tokens', body, { authorization });
    expect(answer.status).toBe(201);
    return answer.body.token;
  };
  const token = await tokenFor({});
  const follower = await followAt(`${url}?token=${token}`);
  expect(follower.status).toBe(200);
  await apply(restock(here.key('theirs'), 1), restock(here.key('mine:a'), 1));
  await follower.until('its own is told', () => follower.outcomes().length === 1);
  expect(follower.outcomes()[0]?.subject).toBe(here.key('mine:a'));
  expect((await followAt(`${url}?token=${token}`)).status).toBe(401);
  expect((await followAt(`${url}?token=nonsense`)).status).toBe(401);
  for (const path of ['/v1/updates?token=', '/v1/operations?token=', '/v1/outcomes/tokens?token=']) {
    expect((await api.request(path + (await tokenFor({})))).status).toBe(401);
  }
  const elsewhere = await followAt(`${url}?token=${await tokenFor({ origin: 'https://shop.example' })}`);
  expect(elsewhere.headers['access-control-allow-origin']).toBe('https://shop.example');
  expect(follower.headers['access-control-allow-origin']).toBeUndefined();
  const unused = await tokenFor({});
  await new KeyStore(here.client, createKeys(here)).remove(id);
  await new Promise((resolve) => setTimeout(resolve, 5_500)); // so long a server may go on with what it knows of keys
  expect((await followAt(`${url}?token=${unused}`)).status).toBe(401);
});

test('heartbeats carry a cursor, and end a stream whose API key was revoked', async () => {
  const { here, url, apply } = await told();
  const { id, secret } = await addKey(here);
  const follower = await followAt(`${url}?status=failed`, { authorization: `Bearer ${secret}` });
  const before = follower.lastId();
  await apply(restock(here.key('a'), 1));
  await follower.until('a heartbeat moved the cursor on', () => follower.lastId() !== before);
  expect(follower.heard).toEqual([]);
  await new KeyStore(here.client, createKeys(here)).remove(id);
  await follower.until('it is over', () => follower.isOver());
}, 90_000);

test('a server that stops ends the streams with a cursor, and sends who comes meanwhile away without an error', async () => {
  const { here, api, url, apply } = await told();
  const follower = await followAt(`${url}?status=failed`);
  await apply(restock(here.key('a'), 1));
  api.api.drain();
  await follower.until('it is over', () => follower.isOver());
  const cursor = follower.lastId();
  const meanwhile = await followAt(url);
  expect(meanwhile.status).toBe(200);
  await meanwhile.until('it is over', () => meanwhile.isOver());
  const other = await startApi(here, { outcomes: true });
  const again = await followAt(`${other.origin}/v1/outcomes`, { 'last-event-id': cursor });
  await apply(restock(here.key('a'), 1));
  await again.until('it goes on', () => again.outcomes().at(-1)?.data.cells[0]?.after === 2);
});

test('where outcomes are off the answer says so', async () => {
  const { get } = await startApi(place());
  const { status, body } = await get<ShownProblem>('/v1/outcomes');
  expect({ status, code: body.code }).toEqual({ status: 501, code: 'OUTCOMES_OFF' });
});
