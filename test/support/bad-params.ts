/** Values in JSON that are not of a kind of param. */
const NOT = {
  whole: ['"5"', 'null', 'true', '1.5', '[]', '{}', '1e400', '9007199254740992'],
  text: ['5', 'null', 'true', '[]', '{}', '""', '"\\ud800"'],
  time: ['null', 'true', '[]', '{}', '""'],
  choice: ['"other"', '""', '1', 'null', '[]'],
  flag: ['"true"', '1', '0', 'null', '[]'],
  list: ['{}', '"a"', '1', 'null', '[]', '[null]', '[[]]'],
} as const;

interface BadParam {
  readonly kind: keyof typeof NOT;
  /** Others that are refused: out of range, or too long. */
  readonly more?: readonly string[];
  readonly isRequired?: true;
}

interface BadOperation {
  /** Params that are right. */
  readonly good: Readonly<Record<string, unknown>>;
  readonly params: Readonly<Record<string, BadParam>>;
  /** Params that don't go together, or mistyped, and where that is told; within the params. */
  readonly others?: readonly (readonly [more: Readonly<Record<string, unknown>>, at: string])[];
}

const LONG = JSON.stringify('k'.repeat(513));
const key: BadParam = { kind: 'text', more: [LONG, '"ä\\udc00"'], isRequired: true };
const cell = { key, field: { kind: 'text', more: [LONG] }, member: { kind: 'text', more: [LONG] } } as const;
const atLeastOne: BadParam = { kind: 'whole', more: ['0', '-1'], isRequired: true };
const whole: BadParam = { kind: 'whole', isRequired: true };
const reservation: BadParam = { kind: 'text', more: [JSON.stringify('r'.repeat(129))], isRequired: true };
const lifeOfHold: BadParam = { kind: 'whole', more: ['0', '-1', '2592001'], isRequired: true };
const expected: BadParam = { kind: 'whole' };
const life = { ttlSeconds: { kind: 'whole', more: ['0', '-1', '315360001'] }, renewTtl: { kind: 'flag' } } as const;
const bucket = {
  bucket: { kind: 'choice' },
  timeZone: { kind: 'text', more: ['"Berlin"', '"+25:00"', LONG] },
  at: {
    kind: 'time',
    more: ['-1', '1.5', '1764237600', '"2026-11-27"', '"2026-11-27T14:05:00"', '"2026-02-30T00:00:00Z"', '"now"'],
  },
  keepBuckets: { kind: 'whole', more: ['0', '-1', '4000'] },
  lateBySeconds: { kind: 'whole', more: ['-1'] },
} as const;
const daily = {
  bucket: 'day',
  timeZone: 'Europe/Berlin',
  at: '2026-11-27T14:05:00Z',
  keepBuckets: 2,
  lateBySeconds: 5,
};

const twoKinds = [{ field: 'f', member: 'm' }, 'member'] as const;
const lifeOfField = [{ field: 'f', ttlSeconds: 5 }, 'ttlSeconds'] as const;
const renewedWithout = [{ renewTtl: true }, 'renewTtl'] as const;
const withoutBucket = ['timeZone', 'at', 'keepBuckets', 'lateBySeconds'].map(
  (name) => [{ [name]: daily[name as keyof typeof daily] }, name] as const,
);
const twoLives = [{ bucket: 'day', keepBuckets: 2, ttlSeconds: 5 }, 'keepBuckets'] as const;
const placed = [{ bucket: 'day', placed: { bucket: '2026-11-27' } }, 'placed'] as const;
const inBuckets = [...withoutBucket, placed];
const unknown = (name: string) => [{ [name]: 1 }, ''] as const;

/** Of each everyday operation, what each of its params does not take. */
export const badParams: Readonly<Record<string, BadOperation>> = {
  'counter.increment': {
    good: { key: 'k' },
    params: {
      ...cell,
      by: { ...atLeastOne, isRequired: undefined as never },
      max: expected,
      whenOver: { kind: 'choice' },
    },
    others: [...inBuckets, twoKinds, lifeOfField, renewedWithout, twoLives, unknown('whenover')],
  },
  'counter.decrement': {
    good: { key: 'k', ...daily },
    params: { key, min: expected, whenOver: { kind: 'choice' }, ...bucket },
  },
  'counter.set': {
    good: { key: 'k', value: 1 },
    params: { ...cell, ...life, value: whole, expected: { kind: 'whole' } },
    others: [...inBuckets, twoKinds, lifeOfField, renewedWithout, unknown('expect')],
  },
  'counter.remove': {
    good: { key: 'k' },
    params: { ...cell, expected: { kind: 'whole' } },
    others: [...inBuckets, twoKinds, unknown('value')],
  },
  'inventory.count': {
    good: { key: 'k', counted: 1, of: 'onHand' },
    params: {
      ...cell,
      counted: { kind: 'whole', more: ['-1'], isRequired: true },
      of: { kind: 'choice', isRequired: true },
      expected: { kind: 'whole' },
    },
    others: [twoKinds, unknown('count')],
  },
  'inventory.reserve': {
    good: { key: 'k', quantity: 1, reservation: 'cart', ttlSeconds: 60 },
    params: {
      ...cell,
      quantity: atLeastOne,
      reservation,
      ttlSeconds: lifeOfHold,
      min: { kind: 'whole' },
      replace: { kind: 'flag' },
    },
    others: [twoKinds, unknown('reservationId')],
  },
  'inventory.extend': {
    good: { key: 'k', reservation: 'cart', ttlSeconds: 60 },
    params: { ...cell, reservation, ttlSeconds: lifeOfHold },
    others: [twoKinds, unknown('quantity')],
  },
  'inventory.confirm': {
    good: { key: 'k', reservation: 'cart' },
    params: { ...cell, reservation, quantity: { kind: 'whole', more: ['0', '-1'] } },
    others: [twoKinds, unknown('ttlSeconds')],
  },
  'inventory.release': {
    good: { key: 'k', reservation: 'cart' },
    params: { ...cell, reservation },
    others: [twoKinds, unknown('quantity')],
  },
  'inventory.expire': {
    good: { key: 'k', reservations: ['cart'] },
    params: {
      ...cell,
      reservations: {
        kind: 'list',
        more: ['[""]', '[5]', '["a","a"]', JSON.stringify(Array.from({ length: 101 }, (_, n) => `r${n}`))],
        isRequired: true,
      },
    },
    others: [twoKinds, unknown('reservation')],
  },
  'xp.take': {
    good: { key: 'k', amount: 1 },
    params: {
      ...cell,
      amount: atLeastOne,
      min: { kind: 'whole' },
      levels: { kind: 'list', more: ['["a"]', '[1.5]', '[5,3]', '[3,3]', JSON.stringify(Array(1_001).fill(1))] },
    },
    others: [...inBuckets, twoKinds, unknown('by')],
  },
  'scores.best': {
    good: { key: 'k', value: 1 },
    params: { ...cell, value: whole, keep: { kind: 'choice' } },
    others: [...inBuckets, twoKinds, unknown('by')],
  },
  'scores.add': {
    good: { entries: [{ key: 'k', by: 1 }] },
    params: {
      entries: {
        kind: 'list',
        more: [
          '[{"key":"a","by":1},{"key":"a","by":1}]',
          JSON.stringify(Array.from({ length: 101 }, (_, n) => ({ key: `k${n}`, by: 1 }))),
        ],
        isRequired: true,
      },
    },
    others: [...inBuckets, unknown('keep')],
  },
  transaction: {
    good: { updates: [1, 2].map((by) => ({ operation: 'counter.increment', params: { key: 'k', by } })) },
    params: {
      updates: {
        kind: 'list',
        more: [
          '[{"operation":"counter.set","params":{"key":"k","value":1}}]',
          '[{"params":{}},{"operation":5}]',
          '[{"operation":"counter.sett"},{"operation":"counter.set"}]',
          JSON.stringify(Array(21).fill({ operation: 'counter.increment', params: { key: 'k' } })),
        ],
        isRequired: true,
      },
    },
    others: [unknown('operations')],
  },
};

export interface BadUpdate {
  readonly operation: string;
  /** In JSON. */
  readonly params: string;
  /** Where the first fault is told, or a place within it. */
  readonly at: string;
}

/** One update for each bad value. */
export const badUpdates: readonly BadUpdate[] = Object.entries(badParams).flatMap(
  ([operation, { good, params, others = [] }]) => {
    const bad = (more: string, at: string, of: object = good) => ({
      operation,
      params: `${JSON.stringify(of).slice(0, -1)}${Object.keys(of).length > 0 ? ',' : ''}${more}}`,
      at: at === '' ? 'params' : `params.${at}`,
    });
    return [
      ...Object.entries(params).flatMap(([name, { kind, more = [], isRequired }]) => {
        const { [name]: _, ...rest } = good;
        const values = [...NOT[kind], ...more].filter((value) => !(name === 'expected' && value === 'null'));
        return [
          ...values.map((value) => bad(`"${name}":${value}`, name, rest)),
          ...(isRequired ? [{ operation, params: JSON.stringify(rest), at: `params.${name}` }] : []),
        ];
      }),
      ...others.map(([more, at]) => bad(JSON.stringify(more).slice(1, -1), at)),
    ];
  },
);
