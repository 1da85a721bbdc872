import fc from 'fast-check';
import { expect, test } from 'vitest';
import { newJobId } from '../../src/layout/new-job-id.js';
import type { Outcome } from '../../src/operations/outcome.js';
import { createRegistry } from '../../src/operations/registry.js';
import type { Registry } from '../../src/operations/registry.js';
import type { OutcomeEvent } from '../../src/subscribers/event.js';
import { HoldCell } from '../../src/redis/cell.js';
import type { Cell } from '../../src/redis/cell.js';
import type { Keys } from '../../src/redis/keys.js';
import { NO_SLOT } from '../../src/redis/slots.js';
import type { ModelCell, ModelOutcome, ModelUpdate } from '../support/model.js';
import { LATER, Model } from '../support/model.js';
import { named } from '../support/model-cells.js';
import { createApplier } from '../support/script.js';
import type { Place } from '../support/tally.js';
import { place } from '../support/tally.js';
import { outcomeReader } from '../support/told.js';
import { stored } from './cells.js';
import { CELLS, HOLD_SECONDS, jobOf, PARAMS, POISONED, startValue, transaction } from './model-jobs.js';
import type { Job } from './model-jobs.js';
import { pointsMove } from './samples.js';

const RUNS = Number(process.env['MODEL_RUNS'] ?? 150);

test('the operations behind the model are all there are', () => {
  const names = createRegistry([pointsMove]).operations.map(({ name }) => name);

  expect([...Object.keys(PARAMS), 'transaction'].sort()).toEqual([...names].sort());
});

test('each operation of Tally says what its results look like', () => {
  const { operations } = createRegistry();
  expect(operations.filter(({ resultSchema }) => resultSchema === undefined).map(({ name }) => name)).toEqual([]);
});

test('any jobs, in any batches, give the outcomes and values of a plain model', async () => {
  const seen = await compareWithModel(
    fc.array(jobOf({ ...PARAMS, transaction }), { minLength: 1, maxLength: 8 }),
    RUNS,
  );

  // The sequences must reach every kind of outcome, or they prove little.
  expect([...seen]).toEqual(
    expect.arrayContaining([
      'applied',
      'applied again',
      'conflict IDEMPOTENCY_CONFLICT',
      'failed NOT_AN_INTEGER',
      'failed OUT_OF_RANGE',
      'failed WRONG_TYPE',
      'rejected CHANGED',
      'rejected CHANGED again',
      'rejected INSUFFICIENT_STOCK',
      'rejected INSUFFICIENT_STOCK again',
      'rejected LIMIT_REACHED',
      'rejected LIMIT_REACHED again',
      'rejected NOT_ENOUGH',
      'rejected NOT_ENOUGH again',
      'told of what can not be read',
    ]),
  );
});

test('any reservations do, too, and however they end', async () => {
  const ofStock = Object.fromEntries(Object.entries(PARAMS).filter(([name]) => name.startsWith('inventory.')));
  const seen = await compareWithModel(fc.array(jobOf(ofStock), { minLength: 4, maxLength: 12 }), RUNS);

  expect([...seen]).toEqual(
    expect.arrayContaining([
      'rejected ALREADY_CONFIRMED',
      'rejected ALREADY_RELEASED',
      'rejected BELOW_HELD',
      'rejected EXPIRED',
      'rejected EXPIRED again',
      'rejected INSUFFICIENT_STOCK',
      'rejected RESERVATION_EXISTS',
      'rejected UNKNOWN_RESERVATION',
      'rejected UNKNOWN_RESERVATION again',
    ]),
  );
});

/** Applies jobs in Redis and in the model, and compares all that they answer and leave. @returns the kinds of outcomes seen */
async function compareWithModel(jobs: fc.Arbitrary<Job[]>, numRuns: number): Promise<Set<string>> {
  const here = place();
  const { apply, keys, registry } = createApplier(here, { operations: [pointsMove] });
  const newlyTold = await followTold(here);
  const starts = fc.tuple(...CELLS.map(() => startValue));
  const seen = new Set<string>();
  let run = 0;

  await fc.assert(
    fc.asyncProperty(starts, jobs, async (values, plan) => {
      run += 1;
      const at = (text: string) => `${here.key(`r${run}`)}:${text}`;
      const model = new Model();
      await prepare(here, model, values, at);

      for (const { lapsed, updates, repeats, told } of plan) {
        for (const { cell, reservation } of lapsed) {
          await lapse(here, keys, { ...cell, key: at(cell.key) }, reservation);
          model.lapse({ ...cell, key: at(cell.key) }, reservation);
        }
        const placed = updates.map((update) => atPlace(update, at));
        const changes = placed.map((update) => changeOf(model, update));
        const expected = changes.map(({ outcome }) => outcome);
        const jobId = newJobId(NO_SLOT);
        for (let attempt = 0; attempt <= repeats; attempt += 1) {
          const outcomes = await apply(placed, { jobId, told });
          expect(outcomes.map(withoutWords)).toEqual(expected);
          expectDescribed(outcomes, placed, registry);
        }
        const events = changes.filter(({ outcome }) => outcome.status !== 'failed' && outcome.duplicate !== true);
        expect((await newlyTold()).map(toldChange)).toEqual(told ? events : []);
        if (told && events.some(({ cells }) => cells.some(({ before }) => before === undefined))) {
          seen.add('told of what can not be read');
        }
        for (const { status, reason, duplicate } of expected) {
          seen.add([status, reason, duplicate && 'again'].filter(Boolean).join(' '));
        }
      }

      await expectStored(here, keys, model, at);
    }),
    { numRuns, verbose: fc.VerbosityLevel.None },
  );
  return seen;
}

/** Results are what their operations say: no property more, and none less. */
function expectDescribed(outcomes: readonly Outcome[], updates: readonly ModelUpdate[], registry: Registry): void {
  for (const [index, outcome] of outcomes.entries()) {
    const schema = registry.find(updates[index]!.operation)?.resultSchema;
    if (outcome.status === 'applied' && schema !== undefined) {
      expect(schema.parse(outcome.result)).toEqual(outcome.result);
    }
  }
}

/** What an update changed: its outcome, and each of its cells before and after it. */
interface Change {
  readonly outcome: ModelOutcome;
  readonly cells: readonly (Cell & {
    readonly before?: number | null | undefined;
    readonly after?: number | null | undefined;
  })[];
}

function changeOf(model: Model, update: ModelUpdate): Change {
  const cells = cellsIn(update.params);
  const before = cells.map((cell) => model.valueOf(cell));
  const outcome = model.apply(update);
  return { outcome, cells: cells.map((cell, n) => ({ ...cell, before: before[n], after: model.valueOf(cell) })) };
}

/** Each once. */
function cellsIn(params: unknown): ModelCell[] {
  const inside = Object.values(params as object).flatMap((value) =>
    typeof value === 'object' && value !== null ? cellsIn(value) : [],
  );
  const cells =
    typeof params === 'object' && params !== null && 'key' in params ? [named(params as ModelCell), ...inside] : inside;
  return [...new Map(cells.map((cell) => [Model.id(cell), cell])).values()];
}

function toldChange({ data }: OutcomeEvent): Change {
  const { id: _id, jobId: _jobId, operation: _operation, idempotencyKey: _key, cells, ...outcome } = data;
  return { outcome: withoutWords(outcome), cells };
}

/** @returns a function that reads what was told since it was called last */
async function followTold(here: Place): Promise<() => Promise<OutcomeEvent[]>> {
  const reader = outcomeReader(here, [pointsMove]);
  let cursor = await reader.cursorAt('beginning');
  return async () => {
    const page = await reader.read(cursor);
    cursor = page.cursor;
    return page.events.map(({ event }) => event);
  };
}

/** Stores what is there before the first job, in Redis and in the model. */
async function prepare(
  { client }: Place,
  model: Model,
  values: readonly (number | undefined)[],
  at: (text: string) => string,
): Promise<void> {
  const pipeline = client.pipeline();
  for (const [cell, poison, store] of POISONED) {
    store(pipeline, at(cell.key));
    model.poison({ ...cell, key: at(cell.key) }, poison);
  }
  for (const [index, value] of values.entries()) {
    const { key, field, member }: ModelCell = CELLS[index]!;
    if (value === undefined) {
      continue;
    }
    model.set({ ...CELLS[index]!, key: at(key) }, value);
    if (field !== undefined) {
      pipeline.hset(at(key), field, value);
    } else if (member !== undefined) {
      pipeline.zadd(at(key), value, member);
    } else {
      pipeline.set(at(key), value);
    }
  }
  await pipeline.exec();
}

/** Sets the end of a hold, if there is one, to a time that is over. */
async function lapse({ client }: Place, keys: Keys, cell: ModelCell, reservation: string): Promise<void> {
  const { key, member = '' } = keys.hold(new HoldCell(cell, 'end', reservation));
  await client.zadd(key, 'XX', 1, member);
}

/** The update with the keys of this run. */
function atPlace(update: ModelUpdate, at: (text: string) => string): ModelUpdate {
  const place = (value: unknown, name = ''): unknown => {
    if (Array.isArray(value)) {
      return value.map((it) => place(it));
    }
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([inner, it]) => [inner, place(it, inner)]));
    }
    return name === 'key' || name === 'idempotencyKey' ? at(String(value)) : value;
  };
  return place(update) as ModelUpdate;
}

function withoutWords(outcome: Outcome): ModelOutcome {
  const { message: _message, ...rest } = outcome as Outcome & { message?: string };
  return withoutTimes(rest) as ModelOutcome;
}

/** The end of a hold that began in the last minutes becomes {@link LATER}. */
function withoutTimes(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(withoutTimes);
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, it]) => {
      const leftMs = name === 'expiresAt' ? Date.parse(String(it)) - Date.now() : NaN;
      const isHeld = leftMs > (HOLD_SECONDS - 600) * 1000 && leftMs <= HOLD_SECONDS * 1000;
      return [name, isHeld ? LATER : withoutTimes(it)];
    }),
  );
}

async function expectStored({ client }: Place, keys: Keys, model: Model, at: (text: string) => string): Promise<void> {
  for (const cell of CELLS) {
    const placed = { ...cell, key: at(cell.key) };
    expect(await stored(client, placed), JSON.stringify(cell)).toBe(model.stored(placed));
    const ofHold = (part: 'total' | 'quantity' | 'end') => keys.hold(new HoldCell(placed, part, '-')).key;
    const holds = model.holdsOf(placed);
    expect(await client.hgetall(ofHold('quantity')), JSON.stringify(cell)).toEqual(holds);
    expect((await client.zrange(ofHold('end'), '0', '-1')).sort()).toEqual(Object.keys(holds).sort());
    expect(await client.get(ofHold('total'))).toBe(model.heldOf(placed) === 0n ? null : String(model.heldOf(placed)));
  }
  for (const key of ['s0', 's1', 's2']) {
    expect((await client.pttl(at(key))) > 0, `${key} expires`).toBe(model.expiring.has(at(key)));
  }
  expect(await client.get(at('text'))).toBe('1e3');
  expect(await client.lrange(at('list'), 0, -1)).toEqual(['1']);
  expect(await client.hget(at('h0'), 'text')).toBe(' 1');
  expect(await client.get(at('hash'))).toBe('1');
  expect(await client.zscore(at('z0'), 'half')).toBe('0.5');
  expect(await client.hget(at('zset'), 'a')).toBe('1');
}
