import { htmlUnescape } from 'escape-goat';
import { expect, test } from 'vitest';
import { HoldCell } from '../../src/redis/cell.js';
import { createKeys } from '../../src/redis/keys.js';
import { addKey, callerWith } from '../support/api-keys.js';
import { startWorkerProcess } from '../support/child.js';
import { startDashboard } from '../support/dashboard.js';
import { startApi } from '../support/http-api.js';
import type { ShownProblem } from '../support/http-api.js';
import { openQueue } from '../support/queues.js';
import { raceReservations } from '../support/reservation-race.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const stockOf = async (here: Place, units = 10) => {
  const key = here.key('stock');
  await here.client.set(key, units);
  return key;
};

const totalOf = (here: Place, key: string) => createKeys(here).hold(new HoldCell({ key }, 'total')).key;

test('what is not confirmed goes back by itself, from within a second after its end', async () => {
  const here = place();
  const key = await stockOf(here);
  const { inventory } = here.producer();
  const queue = openQueue(here, 'expiries');
  await here.worker();

  const submission = await inventory.reserve({ key, quantity: 4, reservation: 'cart-1', ttlSeconds: 3 });
  const outcome = (await submission.outcome()) as { result: { expiresAt: string } };
  const [job] = await queue.getDelayed();

  const endMs = Date.parse(outcome.result.expiresAt);
  const dueMs = (job?.timestamp ?? 0) + (job?.opts.delay ?? 0);
  expect(job).toMatchObject({ name: 'inventory.expire', data: { v: 2, updates: [{ key, reservations: ['cart-1'] }] } });
  expect(dueMs).toBeGreaterThanOrEqual(endMs - 20);
  expect(dueMs).toBeLessThanOrEqual(endMs + 1_100);
  expect(await here.client.get(key)).toBe('6');
  await until('it is back', async () => (await here.client.get(key)) === '10');
  expect(Date.now()).toBeGreaterThanOrEqual(endMs - 20);
  expect(await here.client.exists(totalOf(here, key))).toBe(0);
  const late = await inventory.confirm({ key, reservation: 'cart-1' });
  expect(await late.outcome()).toMatchObject({ status: 'rejected', reason: 'EXPIRED' });
});

test('all that a job holds until the same second goes back by one job', async () => {
  const here = place();
  const key = await stockOf(here);
  const { inventory, submit } = bound(here);
  const queue = openQueue(here, 'expiries');
  const carts = Array.from({ length: 5 }, (_, number) =>
    inventory.reserve({ key, quantity: 1, reservation: `cart-${number}`, ttlSeconds: 600 }),
  );
  const transaction = submit(['a', 'b'].map((reservation) => ({ key, quantity: 1, reservation, ttlSeconds: 700 })));
  await here.worker();

  await Promise.all((await Promise.all([...carts, transaction])).map((submission) => submission.outcome()));

  const names = (await queue.getDelayed()).map(({ data }) =>
    (data as { updates: { reservations: string[] }[] }).updates.map(({ reservations }) => reservations),
  );
  expect(names).toHaveLength(2);
  expect(names).toContainEqual([['a', 'b']]);
  expect(names).toContainEqual([['cart-0', 'cart-1', 'cart-2', 'cart-3', 'cart-4']]);
});

function bound(here: Place) {
  const producer = here.producer();
  return {
    inventory: producer.inventory,
    submit: (reserves: { key: string; quantity: number; reservation: string; ttlSeconds: number }[]) =>
      producer.submit({
        operation: 'transaction',
        params: { updates: reserves.map((params) => ({ operation: 'inventory.reserve', params })) },
      }),
  };
}

test('a worker that dies between holding and adding the job that gives back leaves nothing held', async () => {
  const here = place();
  const key = await stockOf(here);
  const timing = { lockDurationMs: 1_000, stalledIntervalMs: 500 };
  const dying = await startWorkerProcess(here, 'after-script', timing);
  const { inventory } = here.producer();

  const submission = await inventory.reserve({ key, quantity: 4, reservation: 'cart-1', ttlSeconds: 1 });
  expect(await dying.ended).toBe('SIGKILL');
  expect(await here.client.get(key)).toBe('6');
  expect(await openQueue(here, 'expiries').getDelayedCount()).toBe(0);
  await here.worker(timing);

  expect(await submission.outcome({ timeoutMs: 60_000 })).toMatchObject({ result: { available: 6, held: 4 } });
  await until('it is back', async () => (await here.client.get(key)) === '10', 60_000);
});

test('an expiry that runs too early, by a clock that is ahead, is made again', async () => {
  const here = place();
  const key = await stockOf(here);
  const { inventory } = here.producer();
  const queue = openQueue(here, 'expiries');
  await here.worker();
  await (await inventory.reserve({ key, quantity: 4, reservation: 'cart-1', ttlSeconds: 4 })).outcome();

  const [early] = await queue.getDelayed();
  await early?.promote();
  await until('it has run', async () => (await early?.getState()) === 'completed');

  expect(await here.client.get(key)).toBe('6');
  await until('it is back', async () => (await here.client.get(key)) === '10', 60_000);
});

test('what was extended stays held at the end that it had, and goes back at the new one', async () => {
  const here = place();
  const key = await stockOf(here);
  const { inventory } = here.producer();
  const queue = openQueue(here, 'expiries');
  await here.worker();
  await (await inventory.reserve({ key, quantity: 4, reservation: 'cart-1', ttlSeconds: 2 })).outcome();
  const [first] = await queue.getDelayed();
  await (await inventory.extend({ key, reservation: 'cart-1', ttlSeconds: 5 })).outcome();

  await until('the first end has passed', async () => (await first?.getState()) === 'completed');

  expect(await here.client.get(key)).toBe('6');
  expect(await queue.getDelayedCount()).toBe(1);
  await until('it is back', async () => (await here.client.get(key)) === '10', 60_000);
});

test('of 500 holds each ends once, and stock, held and sold add up at every moment', async () => {
  await raceReservations(place(), 500);
});

test('open reservations are told over HTTP and on the page of the key, to those who may see the key', async () => {
  const here = place();
  const key = await stockOf(here);
  const producer = here.producer();
  await here.worker();
  for (const [reservation, ttlSeconds] of [
    ['later', 900],
    ['soon', 600],
    ['over', 800],
  ] as const) {
    await (await producer.inventory.reserve({ key, quantity: 2, reservation, ttlSeconds })).outcome();
  }
  const { key: ends } = createKeys(here).hold(new HoldCell({ key }, 'end'));
  await here.client.zadd(ends, 1, 'over');
  const { get } = await startApi(here);
  const path = (query: object) => `/v1/cells/reservations?${new URLSearchParams({ ...query }).toString()}`;

  const all = await get<{ reservations: { expiresAt: string }[] }>(path({ key }));
  const second = await get(path({ key, offset: 1, limit: 1 }));
  const none = await get(path({ key: here.key('other'), member: 'm' }));

  expect(all).toMatchObject({
    status: 200,
    body: {
      key,
      held: 4,
      total: 2,
      reservations: [
        { reservation: 'soon', quantity: 2 },
        { reservation: 'later', quantity: 2 },
      ],
    },
  });
  expect(Date.parse(all.body.reservations[0]?.expiresAt ?? '')).toBeGreaterThan(Date.now() + 500_000);
  expect(second.body).toMatchObject({ total: 2, reservations: [{ reservation: 'later' }] });
  expect(none.body).toEqual({ key: here.key('other'), member: 'm', held: 0, total: 0, reservations: [] });
  for (const [query, code, named] of [
    [{ key, limit: 0 }, 'INVALID_QUERY', 'limit'],
    [{ key, limit: 'x' }, 'INVALID_QUERY', 'limit'],
    [{ key, offset: -1 }, 'INVALID_QUERY', 'offset'],
    [{ key: ends }, 'RESERVED_KEY', 'key'],
    [{}, 'INVALID_QUERY', 'key'],
  ] as const) {
    const { body } = await get<ShownProblem>(path(query));
    expect([body.code, body.errors?.[0]?.path]).toEqual([code, named]);
  }

  const { request } = await startDashboard(here);
  const source = await (await request(`/ops/keys?${new URLSearchParams({ key }).toString()}`)).text();
  const page = htmlUnescape(source.replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ');
  expect(page).toContain('4 held by 2 reservations');
  expect(page).toMatch(/soon 2 \d{4}-.* later 2 \d{4}-/);
});

test('an API key sees and changes the holds of its own keys only', async () => {
  const here = place();
  const api = await startApi(here);
  const { secret } = await addKey(here, { keys: [here.key('mine*')] });
  const { get, post } = callerWith(api, `Bearer ${secret}`);
  const reserve = (key: string) => ({
    operation: 'inventory.reserve',
    params: { key, quantity: 1, reservation: 'r', ttlSeconds: 60 },
  });

  const path = (name: string) => `/v1/cells/reservations?key=${encodeURIComponent(here.key(name))}`;
  expect([(await get(path('mine:1'))).status, (await get(path('yours:1'))).status]).toEqual([200, 403]);
  expect((await post('/v1/updates', reserve(here.key('mine:1')))).status).toBe(202);
  const refused = await post('/v1/updates', reserve(here.key('yours:1')));
  expect([refused.status, refused.body.errors?.[0]?.path]).toEqual([403, 'params.key']);
});
