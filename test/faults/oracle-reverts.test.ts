import { expect, test } from 'vitest';
import { Acts } from './acts.js';
import type { Evidence } from './oracle/evidence.js';
import type { JobRecord } from './oracle/job-record.js';
import { History } from './oracle/history.js';
import { revertsCancelOut } from './oracle/reverts.js';
import { runsWereMade, tickAt } from './oracle/ticks.js';

const idOf = (number: number) => `01900000-0000-7000-8000-00000000000${number}`;

function job(number: number, operation: string, params: object, outcome: string, idempotencyKey?: string): JobRecord {
  const [id, digest] = [idOf(number), 'AbCd1234'];
  const updates = [{ params, ...(idempotencyKey !== undefined && { idempotencyKey }) }];
  const returnvalue = `tally/2 ${digest} ${outcome}`;
  const place = { id, name: id, prefix: 'tally-queues', queue: 'counters', form: 2, digest };
  return { ...place, operation, updates, isFinished: true, returnvalue };
}

const UPDATE = job(1, 'counter.increment', { key: 'n', by: 5 }, '5');
const REVERT_KEY = `tally:revert ${idOf(1)}.0`;
const REVERT = job(2, 'counter.decrement', { key: 'n', by: 5 }, '0', REVERT_KEY);

function complaints(jobs: readonly JobRecord[], submissions: object[] = []): string[] {
  const evidence = { jobs, submissions, acts: new Acts() } as unknown as Evidence;
  return [...revertsCancelOut(evidence, new History(evidence))];
}

test('an update and its inverse cancel out', () => {
  expect(complaints([UPDATE, REVERT])).toEqual([]);
  expect(new History({ jobs: [UPDATE, REVERT] }).submitted).toHaveLength(1);
});

test('it shows when they do not', () => {
  const half = job(2, 'counter.decrement', { key: 'n', by: 4 }, '1', REVERT_KEY);
  expect(complaints([UPDATE, half])).toEqual([`update ${idOf(1)}.0 and its inverse leave "n" changed by 1`]);
});

test('it shows when an update is reverted twice, or was not applied, or is nowhere', () => {
  const again = job(3, 'counter.decrement', { key: 'n', by: 5 }, '-5', REVERT_KEY);
  expect(complaints([UPDATE, REVERT, again])).toEqual([expect.stringMatching(/was reverted 2 times/)]);
  const rejected = job(1, 'counter.increment', { key: 'n', by: 5, max: 3 }, '!LIMIT_REACHED,0');
  expect(complaints([rejected, REVERT])).toEqual([
    expect.stringMatching(/was reverted, but .* says "!LIMIT_REACHED,0"/),
  ]);
  expect(complaints([REVERT])).toEqual([expect.stringMatching(/was reverted, but no job holds it/)]);
});

test('a repeat of a revert is none, and one that was accepted is not lost', () => {
  const repeat = job(3, 'counter.decrement', { key: 'n', by: 5 }, '=0', REVERT_KEY);
  const told = { id: 'p1/1', revert: { jobId: idOf(4), index: 0 } };
  expect(complaints([UPDATE, REVERT, repeat])).toEqual([]);
  expect(complaints([UPDATE, REVERT], [told])).toEqual([expect.stringMatching(/is lost$/)]);
});

test('runs of a schedule follow each other, unless one began too late', () => {
  expect([tickAt('repeat:ticks:1500'), tickAt(idOf(1))]).toEqual([1_500, undefined]);
  const run = (atMs: number, lateMs = 10) => ({ atMs, begunAtMs: atMs + lateMs });
  expect([...runsWereMade([run(1_000), run(500), run(1_500)], 500)]).toEqual([]);
  expect([...runsWereMade([run(500, 1_200), run(2_000)], 500)]).toEqual([]);
  expect([...runsWereMade([run(500), run(1_500)], 500)]).toEqual([expect.stringMatching(/was not made/)]);
});
