import fc from 'fast-check';
import type { ChainableCommander } from 'ioredis';
import type { ModelCell, ModelUpdate, Poison } from '../support/model.js';
import { Model } from '../support/model.js';

/** What jobs the model test draws, and the cells that they touch. */

const MAX = Number.MAX_SAFE_INTEGER;

/** Cells by name, the same in every run but for the key's first part. Keys are of one kind each. */
export const CELLS = [
  { key: 's0' },
  { key: 's1' },
  { key: 's2' },
  { key: 'h0', field: 'a' },
  { key: 'h0', field: 'b' },
  { key: 'h1', field: 'a' },
  { key: 'z0', member: 'a' },
  { key: 'z0', member: 'b' },
] satisfies ModelCell[];

export const POISONED: readonly (readonly [
  ModelCell,
  Poison,
  store: (pipeline: ChainableCommander, key: string) => void,
])[] = [
  [{ key: 'text' }, 'NOT_AN_INTEGER', (pipeline, key) => pipeline.set(key, '1e3')],
  [{ key: 'list' }, 'WRONG_TYPE', (pipeline, key) => pipeline.rpush(key, '1')],
  [{ key: 'h0', field: 'text' }, 'NOT_AN_INTEGER', (pipeline, key) => pipeline.hset(key, 'text', ' 1')],
  [{ key: 'hash', field: 'a' }, 'WRONG_TYPE', (pipeline, key) => pipeline.set(key, '1')],
  [{ key: 'z0', member: 'half' }, 'NOT_AN_INTEGER', (pipeline, key) => pipeline.zadd(key, 0.5, 'half')],
  [{ key: 'zset', member: 'a' }, 'WRONG_TYPE', (pipeline, key) => pipeline.hset(key, 'a', '1')],
];

const anyCell = fc.oneof(
  { weight: 40, arbitrary: fc.constantFrom<ModelCell>(...CELLS) },
  { weight: 3, arbitrary: fc.constantFrom<ModelCell>(...POISONED.map(([cell]) => cell)) },
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
export const HOLD_SECONDS = 2_000_000;

const RESERVATIONS = ['r0', 'r1'] as const;

/** Few, so that an update meets what another one holds. */
const stock = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom<ModelCell>(CELLS[0]!, CELLS[3]!, CELLS[6]!) },
  { weight: 1, arbitrary: anyCell },
);
const held: fc.Arbitrary<Record<string, unknown>> = fc
  .tuple(stock, fc.constantFrom(...RESERVATIONS))
  .map(([cell, reservation]) => ({ ...cell, reservation }));

export const PARAMS: Readonly<Record<string, fc.Arbitrary<Record<string, unknown>>>> = {
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
export const transaction = fc.array(single, { minLength: 2, maxLength: 4 }).map((updates) => ({ updates }));

export interface Job {
  /** Stocks and reservations whose time is over before the job. */
  readonly lapsed: readonly { readonly cell: ModelCell; readonly reservation: string }[];
  readonly updates: readonly ModelUpdate[];
  /** How often the job is applied again, as if its worker had died after the script. */
  readonly repeats: number;
  readonly told: boolean;
}

const idempotencyKey = fc.option(fc.constantFrom('k0', 'k1', 'k2', 'k3'), { nil: undefined, freq: 2 });

const lapsed = fc.array(fc.record({ cell: stock, reservation: fc.constantFrom(...RESERVATIONS) }), { maxLength: 2 });

/** All updates of a job are of one operation, as the producer batches them. */
export function jobOf(params: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<Job> {
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
    .chain((updates) =>
      fc.record({ lapsed, updates: withRepetitions(updates), repeats: fc.constantFrom(0, 0, 1), told: fc.boolean() }),
    );
}

/** Now and then the same update twice in a job, so that idempotency keys meet the same params again. */
function withRepetitions(updates: readonly ModelUpdate[]): fc.Arbitrary<ModelUpdate[]> {
  return fc.array(fc.nat(updates.length - 1), { maxLength: 3 }).map((again) => {
    return [...updates, ...again.map((index) => updates[index]!)];
  });
}

export const startValue = fc.oneof(
  fc.constant(undefined),
  fc.integer({ min: -3, max: 40 }),
  fc.constantFrom(MAX - 3, -MAX),
);
