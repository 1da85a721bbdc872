import fc from 'fast-check';
import type { ChainableCommander } from 'ioredis';
import { expect, test } from 'vitest';
import { newJobId } from '../../src/layout/new-job-id.js';
import type { Outcome } from '../../src/operations/outcome.js';
import { createRegistry } from '../../src/operations/registry.js';
import { HoldCell } from '../../src/redis/cell.js';
import type { Keys } from '../../src/redis/keys.js';
import { NO_SLOT } from '../../src/redis/slots.js';
import type { ModelCell, ModelOutcome, ModelUpdate, Poison } from '../support/model.js';
import { LATER, Model } from '../support/model.js';
import { createApplier } from '../support/script.js';
import type { Place } from '../support/tally.js';
import { place } from '../support/tally.js';
import { stored } from './cells.js';
import { pointsMove } from './samples.js';

const MAX = Number.MAX_SAFE_INTEGER;
const RUNS = Number(process.env['MODEL_RUNS'] ?? 250);

/** Cells by name, the same in every run but for the key's first part. Keys are of one kind each. */
const CELLS = [
  { key: 's0' },
  { key: 's1' },
  { key: 's2' },
  { key: 'h0', field: 'a' },
  { key: 'h0', field: 'b' },
  { key: 'h1', field: 'a' },
  { key: 'z0', member: 'a' },
  { key: 'z0', member: 'b' },
] satisfies ModelCell[];

const POISONED: readonly (readonly [ModelCell, Poison, store: (pipeline: ChainableCommander, key: string) => void])[] =
  [
    [{ key: 'text' }, 'NOT_AN_INTEGER', (pipeline, key) => pipeline.set(key, '1e3')],
    [{ key: 'list' }, 'WRONG_TYPE', (pipeline, key) => pipeline.rpush(key, '1')],
    [{ key: 'h0', field: 'text' }, 'NOT_AN_INTEGER', (pipeline, key) => pipeline.hset(key, 'text', ' 1')],
    [{ key: 'hash', field: 'a' }, 'WRONG_TYPE', (pipeline, key) => pipeline.set(key, '1')],
    [{ key: 'z0', member: 'half' }, 'NOT_AN_INTEGER', (pipeline, key) => pipeline.zadd(key, 0.5, 'half')],
    [{ key: 'zset', member: 'a' }, 'WRONG_TYPE', (pipeline, key) => pipeline.hset(key, 'a', '1')],
  ];

const anyCell = fc.oneof(
  { weight: 40, arbitrary: fc.constantFrom<ModelCell>(...CELLS) },
  { weight: 1, arbitrary: fc.constantFrom<ModelCell>(...POISONED.map(([cell]) => cell)) },
);
const amount = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 1, max: 9 }) },
  { weight: 1, arbitrary: fc.constantFrom(MAX, MAX - 5, 2 ** 52) },
);
const signed = fc.tuple(amount, fc.boolean()).map(([value, minus]) => (minus ? -value : value));
const limit = fc.option(fc.integer({ min: -20, max: 20 }), { nil: undefined });
const ttl = fc.option(fc.constant(1000), { nil: undefined, freq: 2 });
const distinct = { minLength: 1, maxLength: 5, selector: (cell: ModelCell) => Model.id(cell) };

/** A cell, with a life now and then where it can have one. */
const cellWithLife = fc.tuple(anyCell, ttl, fc.boolean()).map(([cell, ttlSeconds, renewTtl]) => ({
  ...cell,
  ...(ttlSeconds !== undefined && !('field' in cell) && !('member' in cell) && { ttlSeconds, renewTtl }),
}));

function counterParams(bound: 'min' | 'max') {
  const whenOver = fc.constantFrom({}, { whenOver: 'reject' }, { whenOver: 'saturate' });
  return fc
    .tuple(cellWithLife, fc.option(amount, { nil: undefined }), limit, whenOver)
    .map(([cell, by, bounded, over]) => ({
      ...cell,
      ...(by !== undefined && { by }),
      ...(bounded !== undefined && { [bound]: bounded, ...over }),
    }));
}

const expected = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  {
    weight: 2,
    arbitrary: fc.oneof(fc.constant(null), fc.integer({ min: -3, max: 9 })).map((it) => ({ expected: it })),
  },
);

function withEach<Value>(name: string, value: fc.Arbitrary<Value>) {
  const entry = fc.tuple(anyCell, value).map(([cell, each]) => ({ ...cell, [name]: each }));
  return fc.uniqueArray(entry, distinct);
}

/** Longer than all runs take. */
const HOLD_SECONDS = 2_000_000;

const RESERVATIONS = ['r0', 'r1'] as const;

/** Few, so that an update meets what another one holds. */
const stock = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom<ModelCell>(CELLS[0]!, CELLS[3]!, CELLS[6]!) },
  { weight: 1, arbitrary: anyCell },
);
const held: fc.Arbitrary<Record<string, unknown>> = fc
  .tuple(stock, fc.constantFrom(...RESERVATIONS))
  .map(([cell, reservation]) => ({ ...cell, reservation }));

const PARAMS: Readonly<Record<string, fc.Arbitrary<Record<string, unknown>>>> = {
  'counter.increment': counterParams('max'),
  'counter.decrement': counterParams('min'),
  'counter.set': fc
    .tuple(cellWithLife, fc.oneof(signed, fc.integer({ min: -3, max: 9 })), expected)
    .map(([cell, value, it]) => ({ ...cell, value, ...it })),
  'counter.remove': fc.tuple(anyCell, expected).map(([cell, it]) => ({ ...cell, ...it })),
  'inventory.take': fc
    .tuple(anyCell, amount, fc.constantFrom({}, { whenShort: 'floor' }, { whenShort: 'reject' }))
    .map(([cell, quantity, whenShort]) => ({ ...cell, quantity, ...whenShort })),
  'inventory.restock': fc.tuple(anyCell, amount).map(([cell, quantity]) => ({ ...cell, quantity })),
  'inventory.takeAll': withEach('quantity', fc.integer({ min: 1, max: 3 })).map((items) => ({ items })),
  'inventory.count': fc
    .tuple(stock, amount, fc.constantFrom('onHand', 'available'), expected)
    .map(([cell, counted, of, it]) => ({ ...cell, counted, of, ...it })),
  'inventory.reserve': fc
    .tuple(held, amount, limit, fc.constantFrom({}, { replace: true }))
    .map(([it, quantity, min, replace]) => {
      return { ...it, quantity, ttlSeconds: HOLD_SECONDS, ...(min !== undefined && { min }), ...replace };
    }),
  'inventory.extend': held.map((it) => ({ ...it, ttlSeconds: HOLD_SECONDS })),
  'inventory.confirm': fc
    .tuple(held, fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }))
    .map(([it, quantity]) => ({ ...it, ...(quantity !== undefined && { quantity }) })),
  'inventory.release': held,
  'inventory.expire': fc
    .tuple(stock, fc.shuffledSubarray([...RESERVATIONS], { minLength: 1 }))
    .map(([cell, reservations]) => ({ ...cell, reservations })),
  'xp.take': fc
    .tuple(anyCell, amount, limit, fc.constantFrom({}, { levels: [-3, 0, 5, 20] }))
    .map(([cell, xp, min, levels]) => ({ ...cell, amount: xp, ...(min !== undefined && { min }), ...levels })),
  'scores.best': fc
    .tuple(anyCell, signed, fc.constantFrom({}, { keep: 'highest' }, { keep: 'lowest' }))
    .map(([cell, value, keep]) => ({ ...cell, value, ...keep })),
  'xp.award': fc
    .tuple(anyCell, amount, fc.constantFrom({}, { levels: [-3, 0, 5, 20] }))
    .map(([cell, xp, levels]) => ({ ...cell, amount: xp, ...levels })),
  'scores.add': withEach('by', signed).map((entries) => ({ entries })),
  'points.move': fc
    .tuple(
      fc.uniqueArray(anyCell, { minLength: 2, maxLength: 2, selector: (cell: ModelCell) => Model.id(cell) }),
      amount,
    )
    .map(([[from, to], points]) => ({ from, to, amount: points })),
};

const single = fc.oneof(
  ...Object.entries(PARAMS).map(([operation, params]) => params.map((it) => ({ operation, params: it }))),
);
const transaction = fc.array(single, { minLength: 2, maxLength: 4 }).map((updates) => ({ updates }));

interface Job {
  /** Stocks and reservations whose time is over before the job. */
  readonly lapsed: readonly { readonly cell: ModelCell; readonly reservation: string }[];
  readonly updates: readonly ModelUpdate[];
  /** How often the job is applied again, as if its worker had died after the script. */
  readonly repeats: number;
}

const idempotencyKey = fc.option(fc.constantFrom('k0', 'k1', 'k2', 'k3'), { nil: undefined, freq: 2 });

const lapsed = fc.array(fc.record({ cell: stock, reservation: fc.constantFrom(...RESERVATIONS) }), { maxLength: 2 });

/** All updates of a job are of one operation, as the producer batches them. */
function jobOf(params: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<Job> {
  return fc
    .oneof(
      ...Object.entries(params).map(([operation, ofOperation]) =>
        fc.array(
          fc.tuple(ofOperation, idempotencyKey).map(([it, key]): ModelUpdate => {
            const update = { operation, params: it as Record<string, unknown> };
            return { ...update, ...(key !== undefined && { idempotencyKey: key }) };
          }),
          { minLength: 1, maxLength: 6 },
        ),
      ),
    )
    .chain((updates) => fc.record({ lapsed, updates: withRepetitions(updates), repeats: fc.constantFrom(0, 0, 1) }));
}

/** Now and then the same update twice in a job, so that idempotency keys meet the same params again. */
function withRepetitions(updates: readonly ModelUpdate[]): fc.Arbitrary<ModelUpdate[]> {
  return fc.array(fc.nat(updates.length - 1), { maxLength: 3 }).map((again) => {
    return [...updates, ...again.map((index) => updates[index]!)];
  });
}

const startValue = fc.oneof(fc.constant(undefined), fc.integer({ min: -3, max: 40 }), fc.constantFrom(MAX - 3, -MAX));

test('the operations behind the model are all there are', () => {
  const names = createRegistry([pointsMove]).operations.map(({ name }) => name);

  expect([...Object.keys(PARAMS), 'transaction'].sort()).toEqual([...names].sort());
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
      'rejected RESERVATION_EXISTS again',
      'rejected UNKNOWN_RESERVATION',
      'rejected UNKNOWN_RESERVATION again',
    ]),
  );
});

/** Applies jobs in Redis and in the model, and compares all that they answer and leave. @returns the kinds of outcomes seen */
async function compareWithModel(jobs: fc.Arbitrary<Job[]>, numRuns: number): Promise<Set<string>> {
  const here = place();
  const { apply, keys } = createApplier(here, { operations: [pointsMove] });
  const starts = fc.tuple(...CELLS.map(() => startValue));
  const seen = new Set<string>();
  let run = 0;

  await fc.assert(
    fc.asyncProperty(starts, jobs, async (values, plan) => {
      run += 1;
      const at = (text: string) => `${here.key(`r${run}`)}:${text}`;
      const model = new Model();
      await prepare(here, model, values, at);

      for (const { lapsed, updates, repeats } of plan) {
        for (const { cell, reservation } of lapsed) {
          await lapse(here, keys, { ...cell, key: at(cell.key) }, reservation);
          model.lapse({ ...cell, key: at(cell.key) }, reservation);
        }
        const placed = updates.map((update) => atPlace(update, at));
        const expected = placed.map((update) => model.apply(update));
        const jobId = newJobId(NO_SLOT);
        for (let attempt = 0; attempt <= repeats; attempt += 1) {
          const outcomes = (await apply(placed, { jobId })).map(withoutWords);
          expect(outcomes).toEqual(expected);
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
