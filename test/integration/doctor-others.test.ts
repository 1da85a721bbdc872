import { expect, test } from 'vitest';
import { tally } from '../support/command.js';
import { foreignWorker, openQueue } from '../support/queues.js';
import { place } from '../support/tally.js';
import type { Place } from '../support/tally.js';

/** What doctor says of other programs, and of other versions, on the queues. */

const doctor = ({ redis, namespace, prefix }: Place) =>
  tally({ REDIS_URL: redis, TALLY_NAMESPACE: namespace, TALLY_PREFIX: prefix }, 'doctor');

test('doctor says that only workers of Tally are connected, or which others are', async () => {
  const here = place();
  await here.worker();
  expect((await doctor(here)).stdout).toMatch(/ok {4}other programs +no workers but those of Tally/);

  await foreignWorker(here, 'inventory', () => Promise.resolve());
  const { code, stdout } = await doctor(here);

  expect(code).toBe(0);
  const said = stdout.replace(/\s+/g, ' ');
  expect(said).toContain(
    `workers that are not Tally's are connected to ${here.partition.prefix}:inventory (from 127.0.0.1:`,
  );
  expect(said).not.toContain(':counters (from');
});

test('doctor says that jobs of a newer form wait', async () => {
  const here = place();
  await openQueue(here).add('counter.increment', { v: 99, updates: [{ key: here.key('n') }] }, { delay: 60_000 });

  const { stdout } = await doctor(here);

  expect(stdout.replace(/\s+/g, ' ')).toMatch(/jobs of form 99 wait in counters, .* update the workers first/);
});
