/**
 * What Tally should do, in the plainest form: one Map of integers, one update at a time. Written from DESIGN.md,
 * not from the Lua, so that the two check each other.
 */

export interface ModelCell {
  readonly key: string;
  readonly field?: string;
  readonly member?: string;
}

type ModelParams = Readonly<Record<string, unknown>>;

export interface ModelUpdate {
  readonly operation: string;
  readonly params: ModelParams;
  readonly idempotencyKey?: string;
}

/** An outcome without its words. */
export interface ModelOutcome {
  readonly status: 'applied' | 'rejected' | 'conflict' | 'failed' | 'unknown';
  readonly result?: unknown;
  readonly reason?: string;
  readonly update?: number;
  readonly short?: readonly unknown[];
  readonly found?: number | null;
  readonly held?: number;
  readonly expiresAt?: string;
  readonly duplicate?: true;
}

/** In place of the end of a hold that is open: when that is depends on the time of the call. */
export const LATER = 'later';

interface ModelHold {
  readonly quantity: bigint;
  readonly isOver: boolean;
}

export type Poison = 'WRONG_TYPE' | 'NOT_AN_INTEGER';

const LIMIT = 2n ** 53n - 1n;
const DEFAULTS: Readonly<Record<string, ModelParams>> = {
  'counter.increment': { by: 1, whenOver: 'reject', renewTtl: false },
  'counter.decrement': { by: 1, whenOver: 'reject', renewTtl: false },
  'counter.set': { renewTtl: false },
  'inventory.take': { whenShort: 'floor' },
  'inventory.reserve': { min: 0, replace: false },
  'xp.take': { min: 0 },
  'scores.best': { keep: 'highest' },
};

/** Ends an update without effect. */
class Refusal extends Error {
  constructor(readonly outcome: ModelOutcome) {
    super(outcome.reason);
  }
}

const refuse = (reason: string, more: Partial<ModelOutcome> = {}): never => {
  throw new Refusal({ status: 'rejected', reason, ...more });
};

const failWith = (reason: string): never => {
  throw new Refusal({ status: 'failed', reason });
};

const big = (value: unknown): bigint => BigInt(value as number);
const named = ({ key, field, member }: ModelCell): ModelCell => ({
  key,
  ...(field !== undefined && { field }),
  ...(member !== undefined && { member }),
});

export class Model {
  values = new Map<string, bigint>();
  /** Keys that an update created with a TTL. */
  expiring = new Set<string>();
  /** By cell and reservation. */
  #holds = new Map<string, Map<string, ModelHold>>();
  /** Why the reservations that have ended have ended, by cell and reservation. */
  #closings = new Map<string, string>();
  readonly #poisons = new Map<string, Poison>();
  readonly #recorded = new Map<string, { what: string; outcome: ModelOutcome }>();

  static id(cell: ModelCell): string {
    return JSON.stringify([cell.key, cell.field ?? null, cell.member ?? null]);
  }

  poison(cell: ModelCell, poison: Poison): void {
    this.#poisons.set(Model.id(cell), poison);
  }

  set(cell: ModelCell, value: number): void {
    this.values.set(Model.id(cell), BigInt(value));
  }

  /** The time of a hold is over. */
  lapse(cell: ModelCell, reservation: string): void {
    const hold = this.#holds.get(Model.id(cell))?.get(reservation);
    if (hold !== undefined) {
      this.#hold(cell, reservation, { ...hold, isOver: true });
    }
  }

  /** What each reservation of a cell holds, whether it is over or not. */
  holdsOf(cell: ModelCell): Record<string, string> {
    const holds = [...(this.#holds.get(Model.id(cell)) ?? [])];
    return Object.fromEntries(holds.map(([reservation, { quantity }]) => [reservation, quantity.toString()]));
  }

  heldOf(cell: ModelCell): bigint {
    const holds = [...(this.#holds.get(Model.id(cell))?.values() ?? [])];
    return holds.reduce((sum, { quantity }) => sum + quantity, 0n);
  }

  /** The text that a plain GET, HGET or ZSCORE reads. */
  stored(cell: ModelCell): string | null {
    return this.values.get(Model.id(cell))?.toString() ?? null;
  }

  apply(update: ModelUpdate): ModelOutcome {
    const { idempotencyKey } = update;
    if (idempotencyKey === undefined) {
      return this.#attempt(update);
    }
    const what = JSON.stringify(complete(update));
    const name = `${update.operation} ${idempotencyKey}`; // a key is one of its operation
    const first = this.#recorded.get(name);
    if (first !== undefined) {
      return first.what === what
        ? { ...first.outcome, duplicate: true }
        : { status: 'conflict', reason: 'IDEMPOTENCY_CONFLICT' };
    }
    const outcome = this.#attempt(update);
    if (outcome.status !== 'failed') {
      this.#recorded.set(name, { what, outcome });
    }
    return outcome;
  }

  /** Applies an update whole, or leaves everything as it was. */
  #attempt(update: ModelUpdate): ModelOutcome {
    const [values, expiring] = [new Map(this.values), new Set(this.expiring)];
    const [holds, closings] = [new Map(this.#holds), new Map(this.#closings)];
    try {
      return { status: 'applied', result: this.#run(update) };
    } catch (error) {
      if (!(error instanceof Refusal)) {
        throw error;
      }
      this.values = values;
      this.expiring = expiring;
      this.#holds = holds;
      this.#closings = closings;
      return error.outcome;
    }
  }

  #run({ operation, params: given }: ModelUpdate): unknown {
    const params = { ...DEFAULTS[operation], ...given };
    const cell = params as unknown as ModelCell;
    switch (operation) {
      case 'counter.increment':
        return this.#count(cell, params, 1n);
      case 'counter.decrement':
        return this.#count(cell, params, -1n);
      case 'counter.set':
        return this.#set(cell, params);
      case 'counter.remove':
        return this.#remove(cell, params);
      case 'inventory.take':
        return this.#take(cell, params);
      case 'inventory.restock':
        return { available: Number(this.#add([[cell, big(params['quantity'])]])[0]) };
      case 'inventory.takeAll':
        return this.#takeAll(params['items'] as (ModelCell & { quantity: number })[]);
      case 'inventory.count':
        return this.#countStock(cell, params);
      case 'inventory.reserve':
        return this.#reserve(cell, params);
      case 'inventory.extend':
        return { held: Number(this.#open(cell, params).quantity), expiresAt: LATER };
      case 'inventory.confirm':
        return this.#confirm(cell, params);
      case 'inventory.release':
        return this.#release(cell, params);
      case 'inventory.expire':
        return this.#expire(cell, params['reservations'] as string[]);
      case 'xp.award':
        return this.#award(cell, params);
      case 'xp.take':
        return this.#takeXp(cell, params);
      case 'scores.best':
        return this.#best(cell, params);
      case 'scores.add': {
        const entries = params['entries'] as (ModelCell & { by: number })[];
        const values = this.#add(entries.map((entry) => [entry, big(entry.by)]));
        return { scores: entries.map((entry, n) => ({ ...named(entry), value: Number(values[n]) })) };
      }
      case 'points.move':
        return this.#move(params as unknown as { from: ModelCell; to: ModelCell; amount: number });
      case 'transaction':
        return { results: (params['updates'] as ModelUpdate[]).map((update, n) => this.#step(update, n)) };
      default:
        throw new Error(`the model does not know ${operation}`);
    }
  }

  #step(update: ModelUpdate, index: number): unknown {
    try {
      return this.#run(update);
    } catch (error) {
      throw error instanceof Refusal ? new Refusal({ ...error.outcome, update: index }) : error;
    }
  }

  #read(cells: readonly ModelCell[]): bigint[] {
    return cells.map((cell) => {
      const poison = this.#poisons.get(Model.id(cell));
      return poison === undefined ? (this.values.get(Model.id(cell)) ?? 0n) : failWith(poison);
    });
  }

  #write(changes: readonly (readonly [ModelCell, bigint])[]): bigint[] {
    return changes.map(([cell, value]) => {
      if (value > LIMIT || value < -LIMIT) {
        failWith('OUT_OF_RANGE');
      }
      this.values.set(Model.id(cell), value);
      return value;
    });
  }

  #add(changes: readonly (readonly [ModelCell, bigint])[]): bigint[] {
    const values = this.#read(changes.map(([cell]) => cell));
    return this.#write(changes.map(([cell, by], n) => [cell, values[n]! + by]));
  }

  #count(cell: ModelCell, params: ModelParams, sign: bigint): unknown {
    const { min, max, whenOver } = params;
    const [value] = this.#read([cell]);
    let by = big(params['by']);
    const isOver = () => (max !== undefined && value! + by > big(max)) || (min !== undefined && value! - by < big(min));
    if (isOver()) {
      if (whenOver !== 'saturate') {
        refuse('LIMIT_REACHED');
      }
      const room = max === undefined ? value! - big(min) : big(max) - value!;
      by = room > 0n ? room : 0n;
    }
    this.#writeWithLife(cell, value! + sign * by, params);
    return { value: Number(value! + sign * by), applied: Number(by) };
  }

  #writeWithLife(cell: ModelCell, value: bigint, { ttlSeconds, renewTtl }: ModelParams): void {
    const created = !this.values.has(Model.id(cell));
    this.#write([[cell, value]]);
    if ((created || renewTtl === true) && ttlSeconds !== undefined) {
      this.expiring.add(cell.key);
    }
  }

  /** What the cell holds, null when it is missing; refuses when something else is expected. */
  #found(cell: ModelCell, { expected }: ModelParams): number | null {
    this.#read([cell]);
    const value = this.values.get(Model.id(cell));
    const found = value === undefined ? null : Number(value);
    return expected === undefined || expected === found ? found : refuse('CHANGED', { found });
  }

  #set(cell: ModelCell, params: ModelParams): unknown {
    const previous = this.#found(cell, params);
    this.#writeWithLife(cell, big(params['value']), params);
    return { value: params['value'], previous };
  }

  #remove(cell: ModelCell, params: ModelParams): unknown {
    const previous = this.#found(cell, params);
    const removed = this.values.delete(Model.id(cell));
    if (removed && cell.field === undefined && cell.member === undefined) {
      this.expiring.delete(cell.key);
    }
    return { removed, previous };
  }

  #countStock(cell: ModelCell, params: ModelParams): unknown {
    const before = BigInt(this.#found(cell, params) ?? 0);
    const held = this.heldOf(cell);
    const available = params['of'] === 'onHand' ? big(params['counted']) - held : big(params['counted']);
    if (available < 0n) {
      refuse('BELOW_HELD', { held: Number(held) });
    }
    if (available - before > LIMIT) {
      failWith('OUT_OF_RANGE');
    }
    this.#write([[cell, available]]);
    return { available: Number(available), held: Number(held), difference: Number(available - before) };
  }

  /** Sets what a reservation holds; undefined ends it. */
  #hold(cell: ModelCell, reservation: string, hold: ModelHold | undefined): void {
    const holds = new Map(this.#holds.get(Model.id(cell)));
    if (hold === undefined) {
      holds.delete(reservation);
    } else {
      holds.set(reservation, hold);
    }
    this.#holds.set(Model.id(cell), holds);
    if (this.heldOf(cell) > LIMIT) {
      failWith('OUT_OF_RANGE');
    }
  }

  #reserve(cell: ModelCell, params: ModelParams): unknown {
    const { reservation, quantity, min, replace } = params as { reservation: string } & ModelParams;
    const [stock] = this.#read([cell]);
    const before = this.#holds.get(Model.id(cell))?.get(reservation);
    if (before !== undefined && !before.isOver && replace !== true) {
      refuse('RESERVATION_EXISTS', { held: Number(before.quantity), expiresAt: LATER });
    }
    const there = stock! + (before?.quantity ?? 0n);
    if (there - big(quantity) < big(min)) {
      const available = Number(there > LIMIT ? LIMIT : there);
      refuse('INSUFFICIENT_STOCK', { short: [{ ...named(cell), quantity, available }] });
    }
    this.#write([[cell, there - big(quantity)]]);
    this.#hold(cell, reservation, { quantity: big(quantity), isOver: false });
    this.#closings.delete(Model.id(cell) + reservation);
    return { available: Number(there - big(quantity)), held: quantity, expiresAt: LATER };
  }

  /** The hold of a reservation, or why there is none. */
  #open(cell: ModelCell, { reservation }: ModelParams): ModelHold {
    this.#read([cell]);
    const hold = this.#holds.get(Model.id(cell))?.get(reservation as string);
    if (hold === undefined) {
      return refuse(this.#closings.get(Model.id(cell) + String(reservation)) ?? 'UNKNOWN_RESERVATION');
    }
    return hold.isOver ? refuse('EXPIRED') : hold;
  }

  /** Ends a hold; what was not sold goes back. */
  #end(cell: ModelCell, reservation: string, sold: bigint, how: string): number {
    const { quantity } = this.#holds.get(Model.id(cell))!.get(reservation)!;
    const [available] = this.#add([[cell, quantity - sold]]);
    this.#hold(cell, reservation, undefined);
    this.#closings.set(Model.id(cell) + reservation, how);
    return Number(available);
  }

  #confirm(cell: ModelCell, params: ModelParams): unknown {
    const { quantity: held } = this.#open(cell, params);
    const sold = params['quantity'] === undefined ? held : big(params['quantity']);
    if (sold > held) {
      const short = [{ ...named(cell), quantity: Number(sold), available: Number(held) }];
      refuse('INSUFFICIENT_STOCK', { short });
    }
    const available = this.#end(cell, params['reservation'] as string, sold, 'ALREADY_CONFIRMED');
    return { confirmed: Number(sold), available };
  }

  #release(cell: ModelCell, params: ModelParams): unknown {
    const { quantity } = this.#open(cell, params);
    const available = this.#end(cell, params['reservation'] as string, 0n, 'ALREADY_RELEASED');
    return { released: Number(quantity), available };
  }

  #expire(cell: ModelCell, reservations: readonly string[]): unknown {
    let [available, released] = [this.#read([cell])[0]!, 0n];
    for (const reservation of reservations) {
      const hold = this.#holds.get(Model.id(cell))?.get(reservation);
      if (hold?.isOver === true) {
        available += hold.quantity;
        released += hold.quantity;
        this.#end(cell, reservation, 0n, 'EXPIRED');
      }
    }
    return { released: Number(released), available: Number(available) };
  }

  #takeXp(cell: ModelCell, { amount, min, levels = [] }: ModelParams): unknown {
    const [before] = this.#read([cell]);
    const room = before! - big(min);
    const taken = room < 0n ? 0n : room < big(amount) ? room : big(amount);
    const [xp] = this.#write([[cell, before! - taken]]);
    const levelAt = (value: bigint) => (levels as number[]).filter((threshold) => BigInt(threshold) <= value).length;
    const level = levelAt(xp!);
    return {
      xp: Number(xp),
      taken: Number(taken),
      ...((levels as number[]).length > 0 && { level, leveledDown: level < levelAt(before!) }),
    };
  }

  #best(cell: ModelCell, { value, keep }: ModelParams): unknown {
    const [score] = this.#read([cell]);
    const isMissing = !this.values.has(Model.id(cell));
    const improved = isMissing || (keep === 'lowest' ? big(value) < score! : big(value) > score!);
    const [best] = this.#write([[cell, improved ? big(value) : score!]]);
    return { value: Number(best), improved };
  }

  #take(cell: ModelCell, { quantity, whenShort }: ModelParams): unknown {
    const [stock] = this.#read([cell]);
    const isShort = stock! < big(quantity);
    if (isShort && whenShort === 'reject') {
      refuse('INSUFFICIENT_STOCK', { short: [{ ...named(cell), quantity, available: Number(stock) }] });
    }
    const taken = !isShort ? big(quantity) : stock! > 0n ? stock! : 0n;
    this.#write([[cell, stock! - taken]]);
    return { available: Number(stock! - taken), taken: Number(taken) };
  }

  #takeAll(items: readonly (ModelCell & { quantity: number })[]): unknown {
    const stocks = this.#read(items);
    const short = items.flatMap((item, n) =>
      stocks[n]! < big(item.quantity)
        ? [{ ...named(item), quantity: item.quantity, available: Number(stocks[n]) }]
        : [],
    );
    if (short.length > 0) {
      refuse('INSUFFICIENT_STOCK', { short });
    }
    const left = this.#add(items.map((item) => [item, -big(item.quantity)]));
    return { items: items.map((item, n) => ({ ...named(item), available: Number(left[n]) })) };
  }

  #award(cell: ModelCell, { amount, levels }: ModelParams): unknown {
    const [xp] = this.#add([[cell, big(amount)]]);
    if (levels === undefined) {
      return { xp: Number(xp) };
    }
    const thresholds = (levels as number[]).map(BigInt);
    const level = thresholds.filter((threshold) => threshold <= xp!).length;
    const leveledUp = thresholds.some((threshold) => threshold <= xp! && threshold > xp! - big(amount));
    return { xp: Number(xp), level, leveledUp };
  }

  #move({ from, to, amount }: { from: ModelCell; to: ModelCell; amount: number }): unknown {
    const [stock, target] = this.#read([from, to]);
    if (stock! < big(amount)) {
      refuse('NOT_ENOUGH');
    }
    const [left, moved] = this.#write([
      [from, stock! - big(amount)],
      [to, target! + big(amount)],
    ]);
    return { from: Number(left), to: Number(moved) };
  }
}

/** The update with its defaults and its properties in one order. */
function complete({ operation, params }: ModelUpdate): unknown {
  const all = { ...DEFAULTS[operation], ...params };
  const inner = all['updates'] as ModelUpdate[] | undefined;
  const entries = Object.entries({ ...all, ...(inner && { updates: inner.map(complete) }) });
  return [operation, entries.sort(([a], [b]) => (a < b ? -1 : 1))];
}
