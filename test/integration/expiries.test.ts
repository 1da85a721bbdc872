import { pino } from 'pino';
import { expect, test } from 'vitest';
import { HoldCell } from '../../src/redis/cell.js';
import { createKeys } from '../../src/redis/keys.js';
import { toMs } from '../../src/redis/server-time.js';
import { boardPath } from '../support/board.js';
import { tally } from '../support/command.js';
import { startDashboard } from '../support/dashboard.js';
import { startApi } from '../support/http-api.js';
import type { ShownProblem } from '../support/http-api.js';
import { openQueue } from '../support/queues.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

/** How late stock may be given back while workers run. */
const LATE_MS = 2_000;

/** Redis' time, in ms, and what a stock has then. */
async function stockNow(here: Place, key: string) {
  const [seconds, value] = await Promise.all([here.client.time(), here.client.get(key)]);
  return { atMs: toMs(seconds), value };
}

/** When, by Redis' time, a stock was first seen to have this much. */
async function whenBack(here: Place, key: string, value: string): Promise<number> {
  for (;;) {
    const now = await stockNow(here, key);
    if (now.value === value) {
      return now.atMs;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('stock is given back at its time behind a backlog of inventory updates that takes ten seconds and more', async () => {
  const here = place();
  const [held, busy] = [here.key('held'), here.key('busy')];
  await here.client.set(held, 10);
  const first = await here.worker();
  const { inventory } = here.producer({ maxBatch: 1, backlogLimit: 1_000_000 });
  const reserve = await inventory.reserve({ key: held, quantity: 4, reservation: 'cart', ttlSeconds: 5 });
  const outcome = await reserve.outcome();
  const endMs = outcome.status === 'applied' ? Date.parse(outcome.result.expiresAt) : NaN;
  await first.close();
  while ((await stockNow(here, held)).atMs < endMs - 1_000) {
    await Promise.all(Array.from({ length: 1_000 }, () => inventory.restock({ key: busy, quantity: 1 })));
  }

  await here.worker({ concurrency: 1 });
  const backMs = await whenBack(here, held, '10');
  await until('ten seconds are over', async () => (await stockNow(here, held)).atMs > endMs + 10_000);

  expect(await openQueue(here, 'inventory').getWaitingCount()).toBeGreaterThan(0); // so that who waits behind them is late
  expect(backMs).toBeGreaterThanOrEqual(endMs);
  expect(backMs - endMs).toBeLessThanOrEqual(LATE_MS);
});

test.each(['inventory', 'transactions'])('a worker that serves %s alone gives back what it holds', async (queue) => {
  const here = place();
  const key = here.key('stock');
  await here.client.set(key, 10);
  await here.worker({ queues: [queue] });
  const params = { key, quantity: 4, reservation: 'cart', ttlSeconds: 1 };
  const [reserve, count] = [
    { operation: 'inventory.reserve' as const, params },
    { operation: 'counter.increment' as const, params: { key: here.key('n') } },
  ];
  const producer = here.producer();
  await (queue === 'inventory'
    ? producer.submit(reserve)
    : producer.submit({ operation: 'transaction', params: { updates: [reserve, count] } }));

  await until('it is held', async () => (await here.client.get(key)) === '6');
  await until('it is back', async () => (await here.client.get(key)) === '10');
});

/** What gives 4 of a stock back waits for its time. @param ttlSeconds when that is */
async function holding(here: Place, ttlSeconds = 600) {
  const key = here.key('stock');
  await here.client.set(key, 10);
  const { inventory } = here.producer();
  await (await inventory.reserve({ key, quantity: 4, reservation: 'cart', ttlSeconds })).outcome();
  const [job] = await openQueue(here, 'expiries').getDelayed();
  return { key, job: job!, id: `${job!.id}.0` };
}

test('what gives stock back can be neither removed, put off nor cancelled, and who tries is told why', async () => {
  const here = place();
  await here.worker();
  const { job, id } = await holding(here);
  const [{ raw }, api] = await Promise.all([startDashboard(here), startApi(here)]);
  const board = `/ops/queues/api/queues/${boardPath(here, 'expiries')}`;
  const gives = expect.stringContaining('inventory.expire gives back what reservations hold') as string;

  const refused = await Promise.all([
    raw({ method: 'PUT', path: `${board}/${job.id}/clean` }),
    ...(['delay', 'priority'] as const).map((what) =>
      raw({
        method: 'PATCH',
        path: `${board}/${job.id}/${what}`,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ [what]: 3_600_000 }),
      }),
    ),
  ]);
  expect(refused.map(({ status }) => status)).toEqual([409, 409, 409]);
  expect(refused.map(({ body }) => JSON.parse(body) as unknown)).toEqual(refused.map(() => objectWith(gives)));
  const query = `queue=${boardPath(here, 'expiries')}&state=delayed`;
  expect((await raw({ path: `/ops/remove-waiting?${query}` })).body).toEqual(gives);
  const cancelled = await api.request(`/v1/updates/${id}`, { method: 'DELETE' });
  expect([cancelled.status, ((await cancelled.json()) as ShownProblem).detail]).toEqual([409, gives]);
  await expect(here.producer().cancel(id)).rejects.toThrow(/gives back what reservations hold/);
  expect(await job.isDelayed()).toBe(true);
});

function objectWith(message: string): unknown {
  return expect.objectContaining({ message });
}

test('what failed to give stock back is not removed with other failures, and is told of; it can be retried', async () => {
  const here = place();
  await here.worker();
  const { key } = await holding(here, 1);
  const [bad, queue] = [here.key('bad'), openQueue(here, 'expiries')];
  await Promise.all([key, bad].map((each) => here.client.set(each, 'no number')));
  await (await here.producer().counters.increment({ key: bad })).outcome();
  await until('it has failed', async () => (await queue.getFailedCount()) === 1);
  // Whoever looks for what is held for too long may have added one more job by then.
  const kept = /[12] more can be retried, but not removed: inventory\.expire gives back what reservations hold/;
  const command = (...args: string[]) =>
    tally({ REDIS_URL: here.redis, TALLY_NAMESPACE: here.namespace, TALLY_PREFIX: here.prefix }, 'failures', ...args);
  const [{ raw }, { post }] = await Promise.all([startDashboard(here), startApi(here)]);

  expect((await raw({ path: '/ops/failures/remove' })).body).toMatch(kept);
  expect((await raw({ path: '/ops/failures/remove?operation=inventory.expire' })).body).toMatch(kept);
  const shown = (await post<{ kept: object }>('/v1/failures/remove', { dryRun: true })).body;
  expect(shown).toMatchObject({ matched: { updates: 1 } });
  expect([1, 2].map((jobs) => ({ updates: jobs, jobs }))).toContainEqual(shown.kept);
  expect((await post<ShownProblem>('/v1/failures/remove', {})).body.detail).toMatch(kept);
  const removed = await command('remove', '--confirm', '1');
  expect(removed).toMatchObject({ code: 0, stderr: expect.stringMatching(kept) as string });
  expect(await queue.getFailedCount()).toBeGreaterThan(0);
  expect(await openQueue(here).getFailedCount()).toBe(0);
  await here.client.set(key, 6);
  expect(await command('retry', '--operation', 'inventory.expire')).toMatchObject({ code: 0 });
  await until('it is back', async () => (await here.client.get(key)) === '10');
});

test('stock is given back whose job somebody has removed by BullMQ alone, once and by one job, and it is logged', async () => {
  const here = place();
  const lines: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  await Promise.all([1, 2].map(() => here.worker({ logger })));
  const { key, job } = await holding(here, 1);
  await job.remove();

  await until('it is back', async () => (await here.client.get(key)) === '10');

  const queue = openQueue(here, 'expiries');
  await until('it is completed', async () => (await queue.getCompletedCount()) === 1);
  expect(lines.filter((line) => line.includes('held for too long'))).toEqual([expect.stringContaining(key)]);
  expect(await here.client.exists(createKeys(here).hold(new HoldCell({ key }, 'total')).key)).toBe(0);
});
