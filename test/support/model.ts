import { big, failWith, LIMIT, LATER, ModelCells, named, Refusal, refuse } from './model-cells.js';
import type { ModelCell, ModelOutcome, ModelParams, ModelUpdate } from './model-cells.js';

export { LATER } from './model-cells.js';
export type { ModelCell, ModelOutcome, ModelUpdate, Poison } from './model-cells.js';

/**
 * What Tally should do, in the plainest form: one Map of integers, one update at a time. Written from DESIGN.md,
 * not from the Lua, so that the two check each other.
 */

const DEFAULTS: Readonly<Record<string, ModelParams>> = {
  'counter.increment': { by: 1, whenOver: 'reject', renewTtl: false },
  'counter.decrement': { by: 1, whenOver: 'reject', renewTtl: false },
  'counter.set': { renewTtl: false },
  'inventory.take': { whenShort: 'floor' },
  'inventory.reserve': { min: 0, replace: false },
  'xp.take': { min: 0 },
  'scores.best': { keep: 'highest' },
};

export class Model extends ModelCells {
  /** Keys that an update created with a TTL. */
  expiring = new Set<string>();
  readonly #recorded = new Map<string, { what: string; outcome: ModelOutcome }>();

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
    const [holds, closings] = [new Map(this.holds), new Map(this.closings)];
    try {
      return { status: 'applied', result: this.#run(update) };
    } catch (error) {
      if (!(error instanceof Refusal)) {
        throw error;
      }
      this.values = values;
      this.expiring = expiring;
      this.holds = holds;
      this.closings = closings;
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
        return { available: Number(this.add([[cell, big(params['quantity'])]])[0]) };
      case 'inventory.takeAll':
        return this.#takeAll(params['items'] as (ModelCell & { quantity: number })[]);
      case 'inventory.count':
        return this.#countStock(cell, params);
      case 'inventory.reserve':
        return this.reserve(cell, params);
      case 'inventory.extend':
        return { held: Number(this.open(cell, params).quantity), expiresAt: LATER };
      case 'inventory.confirm':
        return this.confirm(cell, params);
      case 'inventory.release':
        return this.release(cell, params);
      case 'inventory.expire':
        return this.expire(cell, params['reservations'] as string[]);
      case 'xp.award':
        return this.#award(cell, params);
      case 'xp.take':
        return this.#takeXp(cell, params);
      case 'scores.best':
        return this.#best(cell, params);
      case 'scores.add': {
        const entries = params['entries'] as (ModelCell & { by: number })[];
        const values = this.add(entries.map((entry) => [entry, big(entry.by)]));
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

  #count(cell: ModelCell, params: ModelParams, sign: bigint): unknown {
    const { min, max, whenOver } = params;
    const [value] = this.read([cell]);
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
    this.write([[cell, value]]);
    if ((created || renewTtl === true) && ttlSeconds !== undefined) {
      this.expiring.add(cell.key);
    }
  }

  /** What the cell holds, null when it is missing; refuses when something else is expected. */
  #found(cell: ModelCell, { expected }: ModelParams): number | null {
    this.read([cell]);
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
    this.write([[cell, available]]);
    return { available: Number(available), held: Number(held), difference: Number(available - before) };
  }

  #takeXp(cell: ModelCell, { amount, min, levels = [] }: ModelParams): unknown {
    const [before] = this.read([cell]);
    const room = before! - big(min);
    const taken = room < 0n ? 0n : room < big(amount) ? room : big(amount);
    const [xp] = this.write([[cell, before! - taken]]);
    const levelAt = (value: bigint) => (levels as number[]).filter((threshold) => BigInt(threshold) <= value).length;
    const level = levelAt(xp!);
    return {
      xp: Number(xp),
      taken: Number(taken),
      ...((levels as number[]).length > 0 && { level, leveledDown: level < levelAt(before!) }),
    };
  }

  #best(cell: ModelCell, { value, keep }: ModelParams): unknown {
    const [score] = this.read([cell]);
    const isMissing = !this.values.has(Model.id(cell));
    const improved = isMissing || (keep === 'lowest' ? big(value) < score! : big(value) > score!);
    const [best] = this.write([[cell, improved ? big(value) : score!]]);
    return { value: Number(best), improved };
  }

  #take(cell: ModelCell, { quantity, whenShort }: ModelParams): unknown {
    const [stock] = this.read([cell]);
    const isShort = stock! < big(quantity);
    if (isShort && whenShort === 'reject') {
      refuse('INSUFFICIENT_STOCK', { short: [{ ...named(cell), quantity, available: Number(stock) }] });
    }
    const taken = !isShort ? big(quantity) : stock! > 0n ? stock! : 0n;
    this.write([[cell, stock! - taken]]);
    return { available: Number(stock! - taken), taken: Number(taken) };
  }

  #takeAll(items: readonly (ModelCell & { quantity: number })[]): unknown {
    const stocks = this.read(items);
    const short = items.flatMap((item, n) =>
      stocks[n]! < big(item.quantity)
        ? [{ ...named(item), quantity: item.quantity, available: Number(stocks[n]) }]
        : [],
    );
    if (short.length > 0) {
      refuse('INSUFFICIENT_STOCK', { short });
    }
    const left = this.add(items.map((item) => [item, -big(item.quantity)]));
    return { items: items.map((item, n) => ({ ...named(item), available: Number(left[n]) })) };
  }

  #award(cell: ModelCell, { amount, levels }: ModelParams): unknown {
    const [xp] = this.add([[cell, big(amount)]]);
    if (levels === undefined) {
      return { xp: Number(xp) };
    }
    const thresholds = (levels as number[]).map(BigInt);
    const level = thresholds.filter((threshold) => threshold <= xp!).length;
    const leveledUp = thresholds.some((threshold) => threshold <= xp! && threshold > xp! - big(amount));
    return { xp: Number(xp), level, leveledUp };
  }

  #move({ from, to, amount }: { from: ModelCell; to: ModelCell; amount: number }): unknown {
    const [stock, target] = this.read([from, to]);
    if (stock! < big(amount)) {
      refuse('NOT_ENOUGH');
    }
    const [left, moved] = this.write([
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
