import { setTimeout } from 'node:timers/promises';
import { v7 } from 'uuid';
import { expect, onTestFinished, test } from 'vitest';
import { createMetrics } from '../../src/metrics/metrics.js';
import { startApi } from '../support/http-api.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const UPDATE = { operation: 'counter.increment' } as const;

async function submitAlone(here: Place, count: number): Promise<string[]> {
  const producer = here.producer({ maxBatch: 1 });
  const ids: string[] = [];
  for (let from = 0; from < count; from += 1_000) {
    const updates = Array.from({ length: Math.min(1_000, count - from) }, () => ({
      ...UPDATE,
      params: { key: here.key('n') },
    }));
    const submissions = await producer.submit(updates);
    await Promise.all(submissions.map((submission) => submission.outcome({ timeoutMs: 60_000 })));
    ids.push(...submissions.map(({ id }) => id));
  }
  return ids;
}

test(
  'the first of 12,000 updates that came alone is found, after the janitor has been there',
  { timeout: 180_000 },
  async () => {
    const here = place();
    await here.worker({ queues: ['counters'] });
    const [first = ''] = await submitAlone(here, 12_000);
    await setTimeout(6_000); // the janitor comes every 5 s
    expect(await here.producer().find(first)).toMatchObject({ outcome: { status: 'applied' } });
  },
);

test('an id tells whether an update was forgotten or never was', async () => {
  const here = place();
  const worker = await here.worker({ queues: ['counters'], keepOutcomes: { updates: 5 } });
  const api = await startApi(here);
  const ids = await submitAlone(here, 20);
  await worker.close();
  await here.worker({ queues: ['counters'], keepOutcomes: { updates: 5 } });
  const codeOf = async (id: string) => {
    const response = await fetch(`${api.origin}/v1/updates/${id}`);
    return [response.status, ((await response.json()) as { code?: string }).code];
  };
  const [first = '', last = ''] = [ids[0], ids.at(-1)];
  await until('the first is gone', async () => (await here.producer().find(first)) === undefined);
  expect(await codeOf(first)).toEqual([404, 'OUTCOME_FORGOTTEN']);
  expect(await codeOf(last)).toEqual([200, undefined]);
  expect(await here.producer().wasForgotten(first)).toBe(true);

  const made = (msecs: number) => `${v7({ msecs })}.0`;
  expect(await codeOf(made(Date.now() - 25 * 3_600_000))).toEqual([404, 'OUTCOME_FORGOTTEN']);
  expect(await codeOf(made(Date.now() + 5 * 60_000))).toEqual([404, 'UPDATE_NOT_FOUND']);
  expect(await codeOf('00000000-0000-4000-8000-000000000000.0')).toEqual([404, 'UPDATE_NOT_FOUND']);
  expect(await codeOf('no-id')).toEqual([404, 'UPDATE_NOT_FOUND']);

  const metrics = createMetrics({
    redis: here.redis,
    namespace: here.namespace,
    prefix: here.prefix,
    logger: here.logger,
  });
  onTestFinished(() => metrics.close());
  const [, seconds] = /^tally_outcomes_kept_for_seconds\{queue="counters"\} (\S+)$/m.exec(await metrics.text()) ?? [];
  expect(Number(seconds)).toBeLessThan(60);
});

test('where nothing was removed, a young id that is not there is unknown', async () => {
  const here = place();
  await here.worker({ queues: ['counters'] });
  await submitAlone(here, 1);
  expect(await here.producer().wasForgotten(`${v7()}.0`)).toBe(false);
  expect(await here.producer().wasForgotten(`${v7({ msecs: Date.now() - 25 * 3_600_000 })}.0`)).toBe(true);
});
