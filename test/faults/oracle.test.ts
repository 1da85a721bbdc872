import { describe, expect, test } from 'vitest';
import { Acts } from './acts.js';
import { STOCK_AT_START } from './cells.js';
import type { Submission } from './journal.js';
import { missingIsSuffix } from './oracle/cut.js';
import type { Evidence } from './oracle/evidence.js';
import type { JobRecord } from './oracle/job-record.js';
import { judge } from './oracle/invariants.js';
import { BAD_CELLS_AT_START } from './oracle/refused.js';
import type { DrawnUpdate } from './drawn-update.js';

const JOB = '01900000-0000-7000-8000-000000000001';
const DIGEST = 'AbCd1234';
const OTHER_JOB = '01900000-0000-7000-8000-000000000002';
const NOTHING_APPLIED = 'tally/2 failed WRONG_TYPE: "bad:list" holds another type of value; nothing was applied';

/** `scores.add` on one counter, with its turn and its witnesses. */
function scores(id: string, by: number, idempotencyKey?: string): DrawnUpdate {
  const entries = [
    { key: 'count:0', by },
    { key: 'turn', by: 1 },
    { key: `witness:${id}`, by: 1 },
    { key: 'witness-fields', field: id, by: 1 },
    { key: 'witness-members', member: id, by: 1 },
  ];
  return { id, operation: 'scores.add', params: { entries }, ...(idempotencyKey !== undefined && { idempotencyKey }) };
}

function increment(id: string, by: number, key = 'count:0'): DrawnUpdate {
  return { id, operation: 'counter.increment', params: { key, by } };
}

/** What a job returns, and its receipt says. */
function record(outcomes: string): string {
  return `tally/2 ${DIGEST} ${outcomes}`;
}

function job(updates: readonly DrawnUpdate[], facts: Partial<JobRecord>): JobRecord {
  return {
    id: JOB,
    name: facts.id ?? JOB,
    prefix: 'tally-queues',
    queue: 'scores',
    form: 2,
    digest: DIGEST,
    operation: updates[0]?.operation ?? '',
    updates: updates.map(({ params, idempotencyKey }) => ({
      params,
      ...(idempotencyKey !== undefined && { idempotencyKey }),
    })),
    isFinished: true,
    ...facts,
  };
}

function accepted(update: DrawnUpdate, index: number, rest: Partial<Submission> = {}): Submission {
  return { id: `p1.0/${update.id}`, update, job: { jobId: JOB, index }, ...rest };
}

function witnesses(
  id: string,
  [text, field, member]: readonly [string, string, string] = ['1', '1', '1'],
): [string, string][] {
  return [
    [`"witness:${id}"`, text],
    [`"witness-fields" field "${id}"`, field],
    [`"witness-members" member "${id}"`, member],
  ];
}

function evidence({ cells, ...rest }: { cells: [string, string][] } & Partial<Omit<Evidence, 'cells'>>): Evidence {
  return {
    start: new Map([['"stock:0"', STOCK_AT_START]]),
    cells: new Map([['"stock:0"', String(STOCK_AT_START)], ...cells]),
    held: new Map(),
    badCells: BAD_CELLS_AT_START,
    submissions: [],
    jobs: [],
    idempotencyReceipts: new Map(),
    acts: new Acts(),
    ...rest,
  };
}

function messages(given: Evidence): string[] {
  return judge(given).map(({ invariant, message }) => `${invariant}: ${message}`);
}

const one = scores('u1', 5);
const two = scores('u2', 7);

/** Two updates in one job, both applied: the history that the tests below spoil. */
const GOOD = {
  submissions: [accepted(one, 0), accepted(two, 1)],
  jobs: [job([one, two], { returnvalue: record('5,1,1,1,1;12,2,1,1,1') })],
  cells: [['"count:0"', '12'], ['"turn"', '2'], ...witnesses('u1'), ...witnesses('u2')] as [string, string][],
};

test('a history in which every update was applied once has nothing to complain of', () => {
  expect(messages(evidence(GOOD))).toEqual([]);
});

describe('what is set, removed and taken', () => {
  const counter = (id: string, operation: 'counter.set' | 'counter.remove' | 'xp.take', params: object) => {
    return { id, operation, params: { key: 'count:0', ...params } } satisfies DrawnUpdate;
  };
  const SET = counter('a', 'counter.set', { value: 5 });
  const given = (updates: DrawnUpdate[], outcomes: string[], cells: [string, string][]) =>
    evidence({
      submissions: updates.map((update, index) => {
        return accepted(update, 0, { job: { jobId: `${JOB.slice(0, -1)}${index}`, index: 0 } });
      }),
      jobs: updates.map((update, index) => {
        const id = `${JOB.slice(0, -1)}${index}`;
        return job([update], { id, name: id, returnvalue: record(outcomes[index]!) });
      }),
      cells,
    });
  const UPDATES = [SET, counter('b', 'xp.take', { amount: 9 }), increment('c', 7), counter('d', 'counter.remove', {})];

  test('adds up, whatever was there', () => {
    expect(messages(given(UPDATES, ['5', '2,3', '9', '1,9'], []))).toEqual([]);
    expect(messages(given(UPDATES, ['5,7', '0,5', '7', '1,0'], [['"count:0"', '0']]))).toEqual([]);
  });

  test('shows when a removal was told and did not happen', () => {
    expect(messages(given(UPDATES, ['5', '2,3', '9', '1,9'], [['"count:0"', '9']]))).toContainEqual(
      expect.stringMatching(/^1: "count:0" holds 9, but .* make 0: 9 too many/),
    );
  });

  test('shows when one that ran again set back what came after it', () => {
    expect(messages(given([SET, increment('c', 7)], ['5', '12'], [['"count:0"', '5']]))).toContainEqual(
      expect.stringMatching(/^1: "count:0" holds 5, but .* make 12: 7 too few/),
    );
  });
});

describe('a doubled update', () => {
  test('shows in its cells and its witness', () => {
    const cells: [string, string][] = [
      ['"count:0"', '17'],
      ['"turn"', '3'],
      ...witnesses('u1', ['2', '2', '2']),
      ...witnesses('u2'),
    ];
    expect(messages(evidence({ ...GOOD, cells }))).toEqual(
      expect.arrayContaining([
        expect.stringContaining(
          '1: "count:0" holds 17, but its start 0 and the 2 updates applied to it make 12: 5 too many',
        ),
        expect.stringContaining('2: update u1 was applied 2 times'),
      ]),
    );
  });

  test('shows in the way of a cell even when a lost one makes up for it', () => {
    const updates = [increment('a', 5), increment('b', 5), increment('c', 5)];
    const given = evidence({
      submissions: updates.map((update, index) => accepted(update, index)),
      jobs: [job(updates, { returnvalue: record('5;15;15') })],
      cells: [['"count:0"', '15']],
    });
    expect(messages(given)).toEqual([
      expect.stringMatching(/^1: "count:0" reached the value 5 more often than it was left: .*reached by update 0/),
    ]);
  });

  test('shows when a resent add made a second job', () => {
    const again = {
      ...job([one, two], { returnvalue: record('17,3,2,2,2;24,4,2,2,2') }),
      id: OTHER_JOB,
      name: OTHER_JOB,
    };
    expect(messages(evidence({ ...GOOD, jobs: [...GOOD.jobs, again] }))).toContainEqual(
      expect.stringMatching(/^2: .*: the same update is in 2 jobs, but was submitted 1 times/),
    );
  });

  test('shows when a key decided twice', () => {
    const keyed = scores('u3', 5, 'k');
    const given = evidence({
      submissions: [accepted(keyed, 0), accepted(keyed, 1)],
      jobs: [job([keyed, keyed], { returnvalue: record('5,1,1,1,1;10,2,2,2,2') })],
      idempotencyReceipts: new Map([['scores.add k', `tally/2 - fingerprint ${JOB}.0 5,1,1,1,1`]]),
      cells: [['"count:0"', '10'], ['"turn"', '2'], ...witnesses('u3', ['2', '2', '2'])],
    });
    expect(messages(given)).toContainEqual(
      expect.stringContaining('2: the idempotency key "scores.add k" was decided 2 times'),
    );
  });
});

describe('a lost update', () => {
  test('shows in its cells and its witness', () => {
    const cells: [string, string][] = [['"count:0"', '5'], ['"turn"', '1'], ...witnesses('u1')];
    expect(messages(evidence({ ...GOOD, cells }))).toEqual(
      expect.arrayContaining([
        expect.stringContaining(
          '1: "count:0" holds 5, but its start 0 and the 2 updates applied to it make 12: 7 too few',
        ),
        expect.stringContaining('2: update u2 was not applied, but update 1 of job'),
      ]),
    );
  });

  test('shows when its job is gone', () => {
    expect(messages(evidence({ submissions: [accepted(one, 0)], cells: [] }))).toEqual([
      expect.stringMatching(/^2: .* accepted as update 0 of job .* is lost: there is no such job/),
    ]);
  });

  test('shows when its job never ended', () => {
    const jobs = [job([one], { isFinished: false })];
    expect(messages(evidence({ submissions: [accepted(one, 0)], jobs, cells: [] }))).toEqual([
      expect.stringContaining('is lost: its job has no outcome'),
      expect.stringMatching(/^6: job .* has not ended, and no queue knows of it/),
    ]);
  });
});

test('an update that was refused as not accepted may be in no job', () => {
  const submissions = [
    { id: 'p1.0/u1', update: one, refusal: { accepted: 'no' as const, message: 'it was not sent' } },
    accepted(two, 1),
  ];
  expect(messages(evidence({ ...GOOD, submissions }))).toEqual([
    expect.stringContaining('was submitted 0 times, and 1 times refused as not accepted'),
  ]);
});

test('an update of which nobody knows may have been applied', () => {
  const submissions = [{ id: 'p1.0/u1', update: one }, accepted(two, 1)];
  expect(messages(evidence({ ...GOOD, submissions }))).toEqual([]);
});

describe('records that differ', () => {
  test('the outcome that was told', () => {
    const outcome = { status: 'applied' as const, result: { scores: [] } };
    const submissions = [accepted(one, 0, { outcome }), accepted(two, 1)];
    expect(messages(evidence({ ...GOOD, submissions }))).toEqual([
      expect.stringMatching(/^3: submission p1.0\/u1 of update u1 was told .* but update 0 of job/),
    ]);
  });

  test('but not for a failure that was retried after its key had been used for another update', () => {
    const { entries } = scores('u2', 5).params as { entries: object[] };
    const bad = { ...scores('u2', 5, 'k'), params: { entries: [...entries, { key: 'bad:list', by: 1 }] } };
    const other = scores('u1', 5, 'k');
    const outcome = { status: 'failed' as const, reason: 'WRONG_TYPE', message: '' };
    const given = evidence({
      submissions: [accepted(bad, 0, { outcome }), { ...accepted(other, 0), job: { jobId: OTHER_JOB, index: 0 } }],
      jobs: [
        job([bad], { returnvalue: record('~') }),
        { ...job([other], { returnvalue: record('5,1,1,1,1') }), id: OTHER_JOB, name: OTHER_JOB },
      ],
      idempotencyReceipts: new Map([['scores.add k', `tally/2 - fingerprint ${OTHER_JOB}.0 5,1,1,1,1`]]),
      cells: [['"count:0"', '5'], ['"turn"', '1'], ...witnesses('u1')],
    });
    expect(messages(given)).toEqual([]);
  });

  test('the result, the mark and the receipt of a job', () => {
    const returnvalue = record('5,1,1,1,1;12,2,1,1,1');
    const jobs = [job([one, two], { returnvalue, mark: returnvalue, receipt: record('5,1,1,1,1;13,2,1,1,1') })];
    expect(messages(evidence({ ...GOOD, jobs }))).toEqual([expect.stringContaining('its records differ: result')]);
  });

  test('the receipt of a key', () => {
    const idempotencyReceipts = new Map([['scores.add k', `tally/2 - fingerprint ${JOB}.0 6,1,1,1,1`]]);
    expect(messages(evidence({ ...GOOD, idempotencyReceipts }))).toEqual([
      expect.stringContaining('3: the receipt of the key "scores.add k" says "6,1,1,1,1"'),
    ]);
  });

  test('an update that was answered as the repeat of another', () => {
    const [first, other] = [scores('u1', 5, 'k'), scores('u2', 7, 'k')];
    const given = evidence({
      submissions: [accepted(first, 0), accepted(other, 1)],
      jobs: [job([first, other], { returnvalue: record('5,1,1,1,1;=5,1,1,1,1') })],
      idempotencyReceipts: new Map([['scores.add k', `tally/2 - fingerprint ${JOB}.0 5,1,1,1,1`]]),
      cells: [['"count:0"', '5'], ['"turn"', '1'], ...witnesses('u1')],
    });
    expect(messages(given)).toEqual([expect.stringMatching(/^3: update 1 of job .* was answered ".*" as a repeat/)]);
  });
});

test('an update that wrote some of its cells is torn', () => {
  const cells = [...GOOD.cells.slice(0, 5), ...witnesses('u2', ['1', '1', '0'])];
  expect(messages(evidence({ ...GOOD, cells }))).toContainEqual(
    expect.stringContaining('4: update u2 is torn: its string, hash field and sorted-set member hold 1, 1, 0'),
  );
});

describe('what was refused', () => {
  test('and applied all the same', () => {
    const jobs = [job([one], { failedReason: NOTHING_APPLIED })];
    const given = evidence({ submissions: [accepted(one, 0)], jobs, cells: witnesses('u1') });
    expect(messages(given)).toContainEqual(expect.stringMatching(/^5: update 0 .* was refused .* but it was applied/));
  });

  test('and could have been applied', () => {
    const plain = increment('a', 5);
    const jobs = [job([plain], { failedReason: 'tally/2 failed OOM: no memory; nothing was applied' })];
    expect(messages(evidence({ submissions: [accepted(plain, 0)], jobs, cells: [] }))).toEqual([
      expect.stringMatching(/^5: .* failed for good, though it can be applied: tally\/2 failed OOM/),
    ]);
  });

  test('and is on a cell that no update can change', () => {
    const bad = increment('a', 5, 'bad:list');
    const fine = { submissions: [accepted(bad, 0)], cells: [], jobs: [job([bad], { failedReason: NOTHING_APPLIED })] };
    expect(messages(evidence(fine))).toEqual([]);
    expect(messages(evidence({ ...fine, badCells: 'changed' }))).toEqual([
      expect.stringContaining('5: cells that no update can change hold "changed"'),
    ]);
  });
});

test('what is missing after a cut must be the end', () => {
  const told = (turn: number) => ({
    outcome: {
      status: 'applied' as const,
      result: { scores: [{ value: 0 }, { value: turn }] },
    },
  });
  const before = [accepted(one, 0, told(1)), accepted(two, 1, told(2))];
  const missing = (cells: [string, string][]) => [...missingIsSuffix(before, evidence({ cells }))];
  expect(missing([])).toEqual([]);
  expect(missing([['"turn"', '1'], ...witnesses('u1')])).toEqual([]);
  expect(missing([['"turn"', '2'], ...witnesses('u2')])).toEqual([
    expect.stringContaining('update u1 had turn 1 and is missing, but turns up to 2 are there'),
  ]);
  expect(missing([['"turn"', '1'], ...witnesses('u2')])).toEqual([
    expect.stringContaining('update u1 had turn 1 and is missing'),
    expect.stringContaining('update u2 had turn 2 and is there, but the turns end at 1'),
  ]);
});

test('what was told as cancelled has changed nothing', () => {
  const submissions = [accepted(one, 0, { cancel: 'cancelled' })];
  const given = (outcome: string, cells: [string, string][]) =>
    messages(evidence({ submissions, jobs: [job([one], { returnvalue: record(outcome) })], cells }));
  const applied: [string, string][] = [['"count:0"', '5'], ['"turn"', '1'], ...witnesses('u1')];
  expect(given('#', [])).toEqual([]);
  expect(given('5,1,1,1,1', applied)).toEqual([expect.stringMatching(/^5: .* told "cancelled", but job .* says "5,1/)]);
  expect(given('#', applied)).toContainEqual(expect.stringMatching(/^5: .* was refused with "#", but it was/));
});
