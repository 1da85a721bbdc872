import { expect, test } from 'vitest';
import type { Outcome } from '../../src/index.js';
import { Cells } from '../../loadtest/load/cells.js';
import { createEvent } from '../../loadtest/load/event.js';
import type { LoadEvent } from '../../loadtest/load/event.js';
import { Ledger } from '../../loadtest/load/ledger.js';
import type { Family } from '../../loadtest/load/result.js';
import { judge } from '../../loadtest/load/verdict.js';
import { place, until } from '../support/tally.js';
import { runHere } from './run-here.js';

type What = 'refused' | 'unknown' | 'accepted' | Outcome;

const APPLIED: Outcome = { status: 'applied', result: { value: 1, applied: 1 } };
const REPEATED: Outcome = { ...APPLIED, duplicate: true };
const REJECTED: Outcome = { status: 'rejected', reason: 'LIMIT_REACHED', message: 'too much' };
const NOT_APPLIED: Outcome = { status: 'failed', reason: 'OOM', message: 'no memory; nothing was applied' };
const MAY_BE: Outcome = { status: 'unknown', reason: 'X', message: 'away' };

function noted(ledger: Ledger, event: LoadEvent, sendings: readonly What[]): void {
  for (const what of sendings) {
    event.sendingsLeft -= 1;
    ledger.sent(event);
    if (what === 'refused' || what === 'unknown') {
      ledger.notAccepted(event, what === 'refused');
    } else {
      ledger.accepted(event);
      if (what !== 'accepted') {
        ledger.ended(event, what);
      }
    }
  }
}

function adding(by: number, sendings: number): LoadEvent {
  const update = { operation: 'counter.increment', params: {} };
  return createEvent({ family: 'counter', update, changes: [{ cell: 0, by }] }, sendings);
}

test.each<{ name: string; sendings: What[]; low: number; high: number }>([
  { name: 'applied counts once', sendings: [APPLIED], low: 5, high: 5 },
  { name: 'applied and repeated counts once', sendings: [APPLIED, REPEATED], low: 5, high: 5 },
  { name: 'rejected counts as nothing', sendings: [REJECTED], low: 0, high: 0 },
  { name: 'refused counts as nothing', sendings: ['refused'], low: 0, high: 0 },
  { name: 'with a lost answer counts as zero or one', sendings: ['unknown'], low: 0, high: 5 },
  { name: 'with two lost answers counts as zero or one', sendings: ['unknown', 'unknown'], low: 0, high: 5 },
  {
    name: 'with a lost answer, accepted when sent again, counts once',
    sendings: ['unknown', APPLIED],
    low: 5,
    high: 5,
  },
  { name: 'accepted without an outcome counts once', sendings: ['accepted'], low: 5, high: 5 },
  { name: 'failed with nothing applied counts as nothing', sendings: [NOT_APPLIED], low: 0, high: 0 },
  { name: 'told as unknown counts as zero or one', sendings: [MAY_BE], low: 0, high: 5 },
])('an update that was $name', ({ sendings, low, high }) => {
  const ledger = new Ledger(1);
  noted(ledger, adding(5, sendings.length), sendings);
  ledger.closeAll();
  expect(ledger.expected(0)).toEqual({ low, high });
  expect(ledger.uncertain).toBe(low === high ? 0 : 1);
});

test('an update that is told as applied for the first time twice is a complaint', async () => {
  const here = place();
  const ledger = new Ledger(4);
  noted(ledger, adding(0, 2), [APPLIED, APPLIED]);
  ledger.closeAll();
  const verdict = await judge(here.client, new Cells(`load:${here.key('x')}:`, 1, false), ledger, []);
  expect(verdict.complaints).toEqual(['1 updates were answered as applied for the first time more than once']);
  expect(verdict.exact).toBe(false);
});

test.each<{ family: Family; found: string | undefined; kind: string | undefined; amount?: number }>([
  { family: 'counter', found: '10', kind: undefined },
  { family: 'counter', found: '7', kind: 'lost', amount: 3 },
  { family: 'counter', found: undefined, kind: 'lost', amount: 10 },
  { family: 'counter', found: 'ten', kind: 'lost', amount: 10 },
  { family: 'counter', found: '1e1', kind: 'lost', amount: 10 },
  { family: 'xp', found: '11', kind: 'doubled', amount: 1 },
  { family: 'inventory', found: '12', kind: 'lost', amount: 2 },
  { family: 'inventory', found: '8', kind: 'doubled', amount: 2 },
  { family: 'inventory', found: '-1', kind: 'negative-stock', amount: 11 },
])('a $family of 10 that holds $found is $kind', async ({ family, found, kind, amount }) => {
  const here = place();
  const cells = new Cells(`load:${here.key('x')}:`, 1, false);
  const number = cells.numberOf(family, 0);
  const ledger = new Ledger(cells.size);
  const update = { operation: 'any', params: {} };
  noted(ledger, createEvent({ family, update, changes: [{ cell: number, by: 10 }] }, 1), [APPLIED]);
  if (found !== undefined) {
    await here.client.set(cells.cell(number).key, found);
  }
  const verdict = await judge(here.client, cells, ledger, []);
  expect(verdict.exact).toBe(kind === undefined);
  expect(verdict.differences.map((it) => [it.kind, it.amount])).toEqual(kind === undefined ? [] : [[kind, amount]]);
});

test.each([
  { what: 'one added', by: 1, found: { doubled: 1, lost: 0 } },
  { what: 'one taken away', by: -1, found: { doubled: 0, lost: 1 } },
])('a total that somebody changes during the load, $what, makes the verdict red', async ({ by, found }) => {
  const here = place();
  await here.worker();
  let runId = '';
  const view = { say: (what: string) => (runId = /load:([0-9a-f]+):/.exec(what)?.[1] ?? runId) };
  const flags = { mix: 'counter=1', keys: '1', rate: '200', duration: '1s' };
  const running = runHere(here, undefined, flags, { view });
  await until('the load has begun', async () => (await here.client.exists(`load:${runId}:counter:0`)) === 1);
  await here.client.incrby(`load:${runId}:counter:0`, by);
  const { tally, passed } = await running;
  expect(passed).toBe(false);
  expect(tally.verdict).toMatchObject({ exact: false, differing: 1, ...found });
});

test('a load of which nothing is accepted is not right', async () => {
  const here = place();
  const flags = { target: 'http', url: 'http://127.0.0.1:1', mix: 'counter=1', rate: '50', duration: '200ms' };
  const { tally, passed } = await runHere(here, undefined, flags);
  expect(passed).toBe(false);
  expect(tally.counts).toMatchObject({ submitted: 10, refused: 10 });
  expect(tally.verdict.complaints).toEqual(['not one update was accepted']);
  expect(tally.errors[0]?.message).toContain('ECONNREFUSED');
});

test('accepted updates that no worker takes are not right', async () => {
  const here = place();
  const { tally } = await runHere(here, undefined, { mix: 'counter=1', rate: '50', duration: '200ms', drain: '200ms' });
  expect(tally.verdict).toMatchObject({ exact: false, undrained: 10 });
  expect(tally.verdict.lost).toBeGreaterThan(0);
});
