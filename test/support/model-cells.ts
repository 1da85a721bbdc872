/** What the model keeps: cells, and what is held of them. See `model.ts`. */

export interface ModelCell {
  readonly key: string;
  readonly field?: string;
  readonly member?: string;
}

export type ModelParams = Readonly<Record<string, unknown>>;

export interface ModelUpdate {
  readonly operation: string;
  readonly params: ModelParams;
  readonly idempotencyKey?: string;
}

/** An outcome without its words. */
export interface ModelOutcome {
  readonly status: 'applied' | 'rejected' | 'conflict' | 'cancelled' | 'failed' | 'unknown';
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

export const LIMIT = 2n ** 53n - 1n;
/** Ends an update without effect. */
export class Refusal extends Error {
  constructor(readonly outcome: ModelOutcome) {
    super(outcome.reason);
  }
}

export const refuse = (reason: string, more: Partial<ModelOutcome> = {}): never => {
  throw new Refusal({ status: 'rejected', reason, ...more });
};

export const failWith = (reason: string): never => {
  throw new Refusal({ status: 'failed', reason });
};

export const big = (value: unknown): bigint => BigInt(value as number);
export const named = ({ key, field, member }: ModelCell): ModelCell => ({
  key,
  ...(field !== undefined && { field }),
  ...(member !== undefined && { member }),
});

export class ModelCells {
  values = new Map<string, bigint>();
  /** By cell and reservation. */
  protected holds = new Map<string, Map<string, ModelHold>>();
  /** Why the reservations that have ended have ended, by cell and reservation. */
  protected closings = new Map<string, string>();
  readonly #poisons = new Map<string, Poison>();

  static id(cell: ModelCell): string {
    return JSON.stringify([cell.key, cell.field ?? null, cell.member ?? null]);
  }

  poison(cell: ModelCell, poison: Poison): void {
    this.#poisons.set(ModelCells.id(cell), poison);
  }

  set(cell: ModelCell, value: number): void {
    this.values.set(ModelCells.id(cell), BigInt(value));
  }

  /** Null while it is missing, undefined of one that can't be read. */
  valueOf(cell: ModelCell): number | null | undefined {
    const id = ModelCells.id(cell);
    const value = this.values.get(id);
    return this.#poisons.has(id) ? undefined : value === undefined ? null : Number(value);
  }

  /** The text that a plain GET, HGET or ZSCORE reads. */
  stored(cell: ModelCell): string | null {
    return this.values.get(ModelCells.id(cell))?.toString() ?? null;
  }

  /** The time of a hold is over. */
  lapse(cell: ModelCell, reservation: string): void {
    const hold = this.holds.get(ModelCells.id(cell))?.get(reservation);
    if (hold !== undefined) {
      this.hold(cell, reservation, { ...hold, isOver: true });
    }
  }

  /** What each reservation of a cell holds, whether it is over or not. */
  holdsOf(cell: ModelCell): Record<string, string> {
    const holds = [...(this.holds.get(ModelCells.id(cell)) ?? [])];
    return Object.fromEntries(holds.map(([reservation, { quantity }]) => [reservation, quantity.toString()]));
  }

  heldOf(cell: ModelCell): bigint {
    const holds = [...(this.holds.get(ModelCells.id(cell))?.values() ?? [])];
    return holds.reduce((sum, { quantity }) => sum + quantity, 0n);
  }

  protected read(cells: readonly ModelCell[]): bigint[] {
    return cells.map((cell) => {
      const poison = this.#poisons.get(ModelCells.id(cell));
      return poison === undefined ? (this.values.get(ModelCells.id(cell)) ?? 0n) : failWith(poison);
    });
  }

  protected write(changes: readonly (readonly [ModelCell, bigint])[]): bigint[] {
    return changes.map(([cell, value]) => {
      if (value > LIMIT || value < -LIMIT) {
        failWith('OUT_OF_RANGE');
      }
      this.values.set(ModelCells.id(cell), value);
      return value;
    });
  }

  protected add(changes: readonly (readonly [ModelCell, bigint])[]): bigint[] {
    const values = this.read(changes.map(([cell]) => cell));
    return this.write(changes.map(([cell, by], n) => [cell, values[n]! + by]));
  }

  /** Sets what a reservation holds; undefined ends it. */
  protected hold(cell: ModelCell, reservation: string, hold: ModelHold | undefined): void {
    const holds = new Map(this.holds.get(ModelCells.id(cell)));
    if (hold === undefined) {
      holds.delete(reservation);
    } else {
      holds.set(reservation, hold);
    }
    this.holds.set(ModelCells.id(cell), holds);
    if (this.heldOf(cell) > LIMIT) {
      failWith('OUT_OF_RANGE');
    }
  }

  protected reserve(cell: ModelCell, params: ModelParams): unknown {
    const { reservation, quantity, min, replace } = params as { reservation: string } & ModelParams;
    const [stock] = this.read([cell]);
    const before = this.holds.get(ModelCells.id(cell))?.get(reservation);
    if (before !== undefined && !before.isOver && replace !== true) {
      refuse('RESERVATION_EXISTS', { held: Number(before.quantity), expiresAt: LATER });
    }
    const there = stock! + (before?.quantity ?? 0n);
    if (there - big(quantity) < big(min)) {
      const available = Number(there > LIMIT ? LIMIT : there);
      refuse('INSUFFICIENT_STOCK', { short: [{ ...named(cell), quantity, available }] });
    }
    this.write([[cell, there - big(quantity)]]);
    this.hold(cell, reservation, { quantity: big(quantity), isOver: false });
    this.closings.delete(ModelCells.id(cell) + reservation);
    return { available: Number(there - big(quantity)), held: quantity, expiresAt: LATER };
  }

  /** The hold of a reservation, or why there is none. */
  protected open(cell: ModelCell, { reservation }: ModelParams): ModelHold {
    this.read([cell]);
    const hold = this.holds.get(ModelCells.id(cell))?.get(reservation as string);
    if (hold === undefined) {
      return refuse(this.closings.get(ModelCells.id(cell) + String(reservation)) ?? 'UNKNOWN_RESERVATION');
    }
    return hold.isOver ? refuse('EXPIRED') : hold;
  }

  /** Ends a hold; what was not sold goes back. */
  protected end(cell: ModelCell, reservation: string, sold: bigint, how: string): number {
    const { quantity } = this.holds.get(ModelCells.id(cell))!.get(reservation)!;
    const [available] = this.add([[cell, quantity - sold]]);
    this.hold(cell, reservation, undefined);
    this.closings.set(ModelCells.id(cell) + reservation, how);
    return Number(available);
  }

  protected confirm(cell: ModelCell, params: ModelParams): unknown {
    const { quantity: held } = this.open(cell, params);
    const sold = params['quantity'] === undefined ? held : big(params['quantity']);
    if (sold > held) {
      const short = [{ ...named(cell), quantity: Number(sold), available: Number(held) }];
      refuse('INSUFFICIENT_STOCK', { short });
    }
    const available = this.end(cell, params['reservation'] as string, sold, 'ALREADY_CONFIRMED');
    return { confirmed: Number(sold), available };
  }

  protected release(cell: ModelCell, params: ModelParams): unknown {
    const { quantity } = this.open(cell, params);
    const available = this.end(cell, params['reservation'] as string, 0n, 'ALREADY_RELEASED');
    return { released: Number(quantity), available };
  }

  protected expire(cell: ModelCell, reservations: readonly string[]): unknown {
    let [available, released] = [this.read([cell])[0]!, 0n];
    for (const reservation of reservations) {
      const hold = this.holds.get(ModelCells.id(cell))?.get(reservation);
      if (hold?.isOver === true) {
        available += hold.quantity;
        released += hold.quantity;
        this.end(cell, reservation, 0n, 'EXPIRED');
      }
    }
    return { released: Number(released), available: Number(available) };
  }
}
