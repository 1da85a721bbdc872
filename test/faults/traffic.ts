import type { Cell } from '../../src/index.js';
import {
  BAD_CELLS,
  BESTS,
  bareKey,
  COUNTERS,
  FLAKY,
  PAST_THE_EDGE,
  PLAYERS,
  PURSES,
  STOCK,
  TURN,
  witnessesOf,
} from './cells.js';
import type { Shards } from './cells.js';
import {
  changeHold,
  counted,
  isReserving,
  RESERVE_EVERY,
  reserve,
  RESERVING_OPERATION,
  takeBack,
} from './draw-holds.js';
import type { Drawn, DrawnUpdate, Operation } from './drawn-update.js';
import type { Random } from './random.js';

/** Puts the cells of an update into a shard. */
export function inShardOf(update: DrawnUpdate, shard: string): DrawnUpdate {
  return { ...update, shard, params: tagged(update.params, shard) };
}

function tagged<Params>(params: Params, shard: string): Params {
  if (shard === '' || typeof params !== 'object' || params === null) {
    return params;
  }
  if (Array.isArray(params)) {
    return params.map((each: unknown) => tagged(each, shard)) as Params;
  }
  const entries = Object.entries(params).map(([name, value]: [string, unknown]) =>
    name === 'key' && typeof value === 'string' && bareKey(value) === value
      ? [name, shard + value]
      : [name, tagged(value, shard)],
  );
  return Object.fromEntries(entries) as Params;
}

/** The same, into the one that its reservation, its key or its number says: what has one in common lies together. */
export function placed(update: DrawnUpdate, shards: Shards): DrawnUpdate {
  const { updates: [first] = [] } = update.params as { updates?: readonly [{ params: object }] };
  const named = (first?.params ?? update.params) as { reservation?: string; reservations?: readonly string[] };
  const name = named.reservation ?? named.reservations?.[0] ?? update.idempotencyKey ?? update.id;
  let sum = 0;
  for (let place = 0; place < name.length; place += 1) {
    sum = (sum * 31 + name.charCodeAt(place)) % 65_521;
  }
  return inShardOf(update, shards[sum % shards.length] ?? '');
}

/** How an update is drawn, how often, and whether it can be told from all others only by an idempotency key. */
interface Kind {
  readonly weight: number;
  readonly needsKey?: true;
  draw(random: Random, id: string): Drawn;
}

const KINDS: readonly Kind[] = [
  { weight: 14, draw: increment },
  { weight: 10, draw: decrement },
  { weight: 5, draw: set },
  { weight: 3, needsKey: true, draw: remove },
  { weight: 8, needsKey: true, draw: take },
  { weight: 5, needsKey: true, draw: restock },
  { weight: 4, needsKey: true, draw: takeAll },
  { weight: 4, needsKey: true, draw: count },
  { weight: 14, needsKey: true, draw: changeHold },
  { weight: 10, draw: award },
  { weight: 5, draw: takeXp },
  { weight: 20, draw: addScores },
  { weight: 20, draw: buy },
  { weight: 4, draw: takeBack },
  { weight: 6, draw: finish },
  { weight: 8, draw: pay },
  { weight: 3, draw: incrementBadCell },
  { weight: 2, draw: addScoresWithBadCell },
  { weight: 8, draw: addScoresWithFlakyCell },
];

const RESERVING: Kind = { weight: 0, draw: reserve };

const KEYED_PERCENT = 40;

/** Draws the update that has this id. */
export function drawUpdate(random: Random, id: string, { keyed = false } = {}): DrawnUpdate {
  return drawOfKind(random, id, random.weighted(KINDS), keyed);
}

/** The same, of those that a producer numbers: every so many of them one reserves stock. */
export function drawNumbered(random: Random, id: string, { keyed = false } = {}): DrawnUpdate {
  return drawOfKind(random, id, isReserving(id) ? RESERVING : random.weighted(KINDS), keyed);
}

function drawOfKind(random: Random, id: string, kind: Kind, keyed: boolean): DrawnUpdate {
  const isKeyed = random.chance(KEYED_PERCENT) || keyed || kind.needsKey === true;
  const drawn = kind.draw(random, id);
  const isReverted = REVERTED.has(drawn.operation) && random.chance(REVERTED_PERCENT);
  return {
    id,
    ...drawn,
    ...(isKeyed && { idempotencyKey: `key-${id}` }),
    ...drawOptions(random),
    ...(isReverted && { revertAfterMs: random.int(0, 1_000) }),
  };
}

/** Those with witnesses are not: a witness says that its update was applied. */
const REVERTED: ReadonlySet<Operation> = new Set<Operation>([
  ...(['counter.increment', 'counter.decrement', 'xp.award', 'xp.take'] as const),
  ...(['inventory.take', 'inventory.restock', 'inventory.takeAll'] as const),
]);

const REVERTED_PERCENT = 25;

/** An update of the same operation, that has another id. Keys are remembered for each operation. */
export function drawOther(random: Random, { operation }: DrawnUpdate, id: string): DrawnUpdate {
  if (operation === RESERVING_OPERATION) {
    return { id, ...reserve(random, `${id}.${RESERVE_EVERY}`) };
  }
  for (;;) {
    const drawn = drawUpdate(random, id);
    if (drawn.operation === operation) {
      return drawn;
    }
  }
}

function drawOptions(random: Random): Pick<DrawnUpdate, 'options' | 'cancelAfterMs'> {
  if (random.chance(4)) {
    return { options: { priority: random.int(1, 5) }, ...drawCancel(random, 50) };
  }
  if (random.chance(4)) {
    const delay = random.chance(80) ? random.int(0, 4_000) : random.int(...LONG_DELAY_MS);
    return { options: { delay }, ...drawCancel(random, delay) };
  }
  return {};
}

/** Of every second one; about when it may run, so that worker and cancel meet. */
function drawCancel(random: Random, aroundMs: number): Pick<DrawnUpdate, 'cancelAfterMs'> {
  return random.chance(50) ? { cancelAfterMs: Math.max(0, Math.min(aroundMs, 4_000) + random.int(-500, 100)) } : {};
}

/** Past the end of the faults, unless somebody brings it forward. */
const LONG_DELAY_MS = [30_000, 6 * 3_600_000] as const;

function increment(random: Random): Drawn {
  const limit = random.chance(20) && { max: random.int(0, 300_000) };
  const params = { ...random.pick(COUNTERS), by: random.int(1, 100_000), ...limit };
  return { operation: 'counter.increment', params };
}

function decrement(random: Random): Drawn {
  const limit = random.chance(20) && { min: random.int(-300_000, 0) };
  const params = { ...random.pick(COUNTERS), by: random.int(1, 100_000), ...limit };
  return { operation: 'counter.decrement', params };
}

function set(random: Random): Drawn {
  const expected = random.chance(20) && { expected: null };
  const params = { ...random.pick(COUNTERS), value: random.int(-100_000, 100_000), ...expected };
  return { operation: 'counter.set', params };
}

function remove(random: Random): Drawn {
  return { operation: 'counter.remove', params: { ...random.pick(COUNTERS) } };
}

function take(random: Random): Drawn {
  const whenShort = random.pick(['floor', 'reject']);
  return { operation: 'inventory.take', params: { ...random.pick(STOCK), quantity: random.int(1, 20), whenShort } };
}

function restock(random: Random): Drawn {
  return { operation: 'inventory.restock', params: { ...random.pick(STOCK), quantity: random.int(1, 20) } };
}

function takeAll(random: Random): Drawn {
  const items = random.shuffle(STOCK).slice(0, random.int(2, 3));
  return {
    operation: 'inventory.takeAll',
    params: { items: items.map((cell) => ({ ...cell, quantity: random.int(1, 8) })) },
  };
}

function count(random: Random): Drawn {
  const of = random.pick(['available', 'onHand']);
  return { operation: 'inventory.count', params: { ...random.pick(STOCK), counted: random.int(0, 60), of } };
}

function award(random: Random): Drawn {
  const levels = random.chance(30) && { levels: [100, 10_000, 1_000_000] };
  return { operation: 'xp.award', params: { ...random.pick(PLAYERS), amount: random.int(1, 100_000), ...levels } };
}

function takeXp(random: Random): Drawn {
  return { operation: 'xp.take', params: { ...random.pick(PLAYERS), amount: random.int(1, 50_000), min: 0 } };
}

function addScores(random: Random, id: string): Drawn {
  const cells = random.shuffle(COUNTERS).slice(0, random.int(1, 3));
  return scores(random, [...cells, random.pick(PLAYERS)], id);
}

function scores(random: Random, cells: readonly Cell[], id: string): Drawn {
  const entries = cells.map((cell) => ({ ...cell, by: random.int(1, 1_000) }));
  const witnesses = [TURN, ...witnessesOf(id)].map((cell) => ({ ...cell, by: 1 }));
  return { operation: 'scores.add', params: { entries: [...entries, ...witnesses] } };
}

/** Takes stock, awards XP and counts the sale. */
function buy(random: Random, id: string): Drawn {
  const whenShort = random.pick(['floor', 'reject', 'reject']);
  return counted(id, [
    { operation: 'inventory.take', params: { ...random.pick(STOCK), quantity: random.int(1, 4), whenShort } },
    { operation: 'xp.award', params: { ...random.pick(PLAYERS), amount: random.int(1, 100) } },
    { operation: 'inventory.restock', params: { ...random.pick(STOCK), quantity: random.int(1, 5) } },
  ]);
}

/** Keeps the best of a game, and counts that it was played. */
function finish(random: Random, id: string): Drawn {
  const steps = [
    ...[TURN, ...witnessesOf(id)].map((cell) => ({ operation: 'counter.increment', params: { ...cell, by: 1 } })),
    { operation: 'scores.best', params: { ...random.pick(BESTS), value: random.int(-1_000, 1_000) } },
  ];
  return { operation: 'transaction', params: { updates: steps } };
}

function pay(random: Random, id: string): Drawn {
  const [from, to] = random.shuffle(PURSES) as [Cell, Cell];
  return {
    operation: 'purse.pay',
    params: { from, to, amount: random.int(1, 10_000), marks: [TURN, ...witnessesOf(id)] },
  };
}

function incrementBadCell(random: Random): Drawn {
  const by = random.int(PAST_THE_EDGE, 100_000);
  return { operation: 'counter.increment', params: { ...random.pick(BAD_CELLS), by } };
}

function addScoresWithBadCell(random: Random, id: string): Drawn {
  const drawn = scores(random, [random.pick(COUNTERS)], id) as { params: { entries: object[] } } & Drawn;
  const bad = { ...random.pick(BAD_CELLS), by: PAST_THE_EDGE };
  return { ...drawn, params: { entries: [...drawn.params.entries, bad] } };
}

/** An update of this cell and no other, but for its witnesses. */
export function drawScoresOf(random: Random, cell: Cell, id: string): DrawnUpdate {
  return { id, ...scores(random, [cell], id), ...(random.chance(KEYED_PERCENT) && { idempotencyKey: `key-${id}` }) };
}

function addScoresWithFlakyCell(random: Random, id: string): Drawn {
  return scores(random, [random.pick(COUNTERS), random.pick(FLAKY)], id);
}
