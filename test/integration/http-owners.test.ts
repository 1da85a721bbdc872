import { expect, inject, test } from 'vitest';
import { restrictAccess } from '../../src/api/api.js';
import { fromStored, makeApiKey, toStored } from '../../src/api/access/api-key.js';
import { addKey, callerWith } from '../support/api-keys.js';
import type { Caller } from '../support/api-keys.js';
import { tally } from '../support/command.js';
import { startApi } from '../support/http-api.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

/** Idempotency keys are those of an owner: two callers who number their orders alike do not meet. */

const order = (here: Place) => ({
  operation: 'counter.increment',
  params: { key: here.key('sold') },
  idempotencyKey: 'order-7',
});

const tallyHere = ({ namespace, prefix }: Place, ...words: string[]) =>
  tally({ REDIS_URL: inject('redisUrl'), TALLY_NAMESPACE: namespace, TALLY_PREFIX: prefix }, ...words);

/** Whether it is answered as one that was sent before. */
async function isRepeat(caller: Caller, update: object): Promise<boolean> {
  const { body } = await caller.post('/v1/updates?wait=10000', update);
  expect(body.updates).toMatchObject([{ status: 'applied' }]);
  return body.updates[0]?.duplicate === true;
}

test('the same idempotency key of two API keys is two, unless they have the same owner', async () => {
  const here = place();
  const api = await startApi(here);
  await here.worker();
  const keys = [await addKey(here), await addKey(here), await addKey(here, { owner: 'shop: 7' })];
  const again = await addKey(here, { owner: 'shop: 7' });
  const repeats = [];
  for (const { secret } of [...keys, again]) {
    repeats.push(await isRepeat(callerWith(api, `Bearer ${secret}`), order(here)));
  }

  expect(repeats).toEqual([false, false, false, true]);
  const joined = await here
    .producer({ idempotencyOwner: keys[0]!.id })
    .counters.increment({ key: here.key('sold') }, { idempotencyKey: 'order-7' });
  expect(await joined.outcome()).toMatchObject({ duplicate: true });
  expect(await here.client.get(here.key('sold'))).toBe('3');
});

test('without API keys the callers of the API share their idempotency keys with library and command', async () => {
  const here = place();
  const api = await startApi(here);
  await here.worker();
  expect(await isRepeat(callerWith(api, undefined), order(here))).toBe(false);
  const { operation, params, idempotencyKey } = order(here);
  const submit = ['submit', operation, '--params', JSON.stringify(params), '--idempotency-key', idempotencyKey];

  const [same, other] = [
    await tallyHere(here, ...submit, '--wait'),
    await tallyHere(here, ...submit, '--wait', '--owner', 'shop: 7'),
  ];

  expect(same).toMatchObject({ code: 0, stdout: 'applied {"value":1,"applied":1} (sent before)\n' });
  expect(other).toMatchObject({ code: 0, stdout: 'applied {"value":2,"applied":1}\n' });
});

test('events have the owner of their API key, too', async () => {
  const here = place();
  const api = await startApi(here);
  await here.worker();
  const event = { specversion: '1.0', id: '7', source: '/shop', type: 'tally.counter.increment' };
  const send = async (secret: string) => {
    const caller = callerWith(api, `Bearer ${secret}`);
    const data = { key: here.key('sold') };
    const { body } = await caller.post('/v1/events?wait=10000', { ...event, data }, 'application/cloudevents+json');
    return body.updates[0]?.duplicate === true;
  };
  const [one, other] = [await addKey(here), await addKey(here)];

  expect([await send(one.secret), await send(one.secret), await send(other.secret)]).toEqual([false, true, false]);
});

test('whoever gives access by himself names the owner', async () => {
  const here = place();
  const api = await startApi(here, {
    authorize: (request, response, next) => {
      restrictAccess(response, { operations: ['*'], keys: ['*'], owner: request.headers.authorization ?? '' });
      next();
    },
  });
  await here.worker();
  const [ann, bob] = [callerWith(api, 'ann'), callerWith(api, 'bob')];

  const repeats = [
    await isRepeat(ann, order(here)),
    await isRepeat(bob, order(here)),
    await isRepeat(ann, order(here)),
  ];

  expect(repeats).toEqual([false, false, true]);
});

test('a key that replaces another has its name, rights and owner, and its idempotency keys go on', async () => {
  const here = place();
  const api = await startApi(here);
  await here.worker();
  const rights = { name: 'shop', operations: ['counter.*'], keys: [here.key('*')], readOnly: false };
  const old = await addKey(here, { ...rights, rate: { requests: 77, windowSeconds: 60 } });
  await until(
    'the API asks for it',
    async () => (await callerWith(api, undefined).get('/v1/operations')).status === 401,
  );
  expect(await isRepeat(callerWith(api, `Bearer ${old.secret}`), order(here))).toBe(false);

  const made = await tallyHere(here, 'keys', 'create', '--replaces', old.id, '--rate', '5/s');
  const secret = made.stdout.trim();
  await until('the API knows it', async () => {
    return (await callerWith(api, `Bearer ${secret}`).get('/v1/operations')).status === 200;
  });

  expect(made.stderr).toContain(
    `Key ${old.id} stays valid: revoke it once nobody uses it, tally keys revoke ${old.id}`,
  );
  expect(await isRepeat(callerWith(api, `Bearer ${secret}`), order(here))).toBe(true);
  const listed = await tallyHere(here, 'keys', 'list', '--json');
  expect(JSON.parse(listed.stdout)).toMatchObject([
    { ...rights, owner: old.id, rate: { requests: 77 } },
    { ...rights, owner: old.id, rate: { requests: 5, windowSeconds: 1 } },
  ]);
  expect((await tallyHere(here, 'keys', 'list')).stdout).toContain(`; owner ${old.id}, made `);
  const none = await tallyHere(here, 'keys', 'create', '--replaces', 'nobody');
  expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('no key with the id "nobody"') as string });
});

test.each([
  ['', 'must not be empty'],
  ['x'.repeat(101), 'must not be longer than 100 characters'],
  ['a\nb', 'must not hold control characters'],
])('an owner %j is refused by the commands, in words', async (owner, words) => {
  const here = place();
  const created = await tallyHere(here, 'keys', 'create', '--name', 'shop', '--owner', owner);
  const submitted = await tallyHere(here, 'submit', 'counter.increment', '--params', '{"key":"a"}', '--owner', owner);
  for (const answer of [created, submitted]) {
    expect(answer).toMatchObject({ code: 2, stderr: expect.stringContaining(`--owner ${words}`) as string });
  }
});

test('an API key that was stored before there were owners is its own', () => {
  const rate = { requests: 1_000, windowSeconds: 1 } as const;
  const settings = { name: 'test', operations: ['*'], keys: ['*'], readOnly: false, rate };
  const { key } = makeApiKey(settings);
  const { key: named } = makeApiKey({ ...settings, owner: 'shop' });

  expect(JSON.parse(toStored(key))).not.toHaveProperty('owner');
  expect(fromStored(key.id, toStored(key))?.owner).toBe(key.id);
  expect(fromStored(named.id, toStored(named))?.owner).toBe('shop');
});
