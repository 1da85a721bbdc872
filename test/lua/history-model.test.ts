import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deltaOf, readHistory } from '../../src/readers/read-history.js';
import { newJobId } from '../../src/layout/new-job-id.js';
import type { Cell } from '../../src/redis/cell.js';
import type { Update } from '../../src/operations/update.js';
import { NO_SLOT } from '../../src/redis/slots.js';
import { createApplier } from '../support/script.js';
import { place } from '../support/tally.js';
import { stored } from './cells.js';
import { allWithHistory } from './histories.js';

const RUNS = Number(process.env['MODEL_RUNS'] ?? 100);

/** More than a run has jobs, so that nothing is cut off. */
const ENTRIES = 1000;

const CELLS: readonly Cell[] = [
  { key: 's0' },
  { key: 's1' },
  { key: 'h0', field: 'a' },
  { key: 'h0', field: 'b' },
  { key: 'h1', field: 'a' },
  { key: 'z0', member: 'a' },
  { key: 'z0', member: 'b' },
  { key: 'text' }, // no update can be applied to it
];

const anyCell = fc.nat(CELLS.length - 1);
const amount = fc.integer({ min: 1, max: 4 });

/** Updates by the numbers of their cells, since keys are another in each run. */
type Plan = (cells: readonly Cell[]) => Update;

const scores = fc
  .uniqueArray(fc.tuple(anyCell, fc.integer({ min: -4, max: 4 })), { minLength: 1, maxLength: 4, selector: ([n]) => n })
  .map((entries): Plan => {
    return (cells) => ({
      operation: 'scores.add',
      params: { entries: entries.map(([n, by]) => ({ ...cells[n], by })) },
    });
  });
const take = fc.tuple(anyCell, amount, fc.constantFrom('floor', 'reject')).map(([n, quantity, whenShort]): Plan => {
  return (cells) => ({ operation: 'inventory.take', params: { ...cells[n], quantity, whenShort } });
});
const transaction = fc.array(fc.oneof(scores, take), { minLength: 2, maxLength: 4 }).map((plans): Plan => {
  return (cells) => ({ operation: 'transaction', params: { updates: plans.map((plan) => plan(cells)) } });
});

const job = fc.record({
  updates: fc.oneof(
    ...[scores, take, transaction].map((plan) =>
      fc.array(fc.tuple(plan, fc.option(fc.constantFrom('k0', 'k1', 'k2'), { nil: undefined, freq: 3 })), {
        minLength: 1,
        maxLength: 6,
      }),
    ),
  ),
  attempts: fc.constantFrom(1, 1, 2),
});

test('after any jobs, histories tell of each which cells it changed, from what to what, and nothing else', async () => {
  const here = place();
  const { apply, keys } = createApplier(here, { operations: allWithHistory(ENTRIES) });
  const valuesOf = (cells: readonly Cell[]) =>
    Promise.all(cells.map(async (cell) => Number((await stored(here.client, cell)) ?? 0) || 0));
  let run = 0;
  let entriesSeen = 0;

  await fc.assert(
    fc.asyncProperty(fc.array(job, { minLength: 1, maxLength: 8 }), async (jobs) => {
      run += 1;
      const cells = CELLS.map((cell) => ({ ...cell, key: here.key(`r${run}:${cell.key}`) }));
      await here.client.set(here.key(`r${run}:text`), 'text');
      const start = await valuesOf(cells);
      const expected = cells.map((): unknown[] => []);

      for (const { updates, attempts } of jobs) {
        const jobId = newJobId(NO_SLOT);
        const placed = updates.map(([plan, key]) => {
          return { ...plan(cells), ...(key !== undefined && { idempotencyKey: here.key(`r${run}:${key}`) }) };
        });
        const before = await valuesOf(cells);
        for (let attempt = 1; attempt <= attempts; attempt += 1) {
          await apply(placed, { jobId });
        }
        const after = await valuesOf(cells);
        for (const [n, changes] of expected.entries()) {
          if (before[n] !== after[n]) {
            const operation = placed[0]?.operation;
            changes.unshift({
              jobId,
              operation,
              before: before[n],
              after: after[n],
              atMs: expect.any(Number) as number,
            });
          }
        }
      }

      const histories = await Promise.all(cells.map((cell) => readHistory(here.client, keys, cell, NO_SLOT)));
      expect(histories).toEqual(expected);
      const end = await valuesOf(cells);
      for (const [n, changes] of histories.entries()) {
        const sum = changes.reduce((total, change) => total + deltaOf(change), 0n);
        expect(BigInt(end[n]!) - BigInt(start[n]!)).toBe(sum);
        entriesSeen += changes.length;
      }
    }),
    { numRuns: RUNS, verbose: fc.VerbosityLevel.None },
  );

  expect(entriesSeen).toBeGreaterThan(RUNS); // or it proves little
});
