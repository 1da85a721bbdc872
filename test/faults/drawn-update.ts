/** An update with its number in the run. Its params are complete, as a job holds them. */
export interface DrawnUpdate {
  readonly id: string;
  readonly operation: Operation;
  readonly params: object;
  readonly idempotencyKey?: string;
  /** How it is sent when it is sent alone: in a job of its own. */
  readonly options?: { readonly delay?: number; readonly priority?: number };
  /** Whether its producer takes it back, so many ms after it was accepted. */
  readonly cancelAfterMs?: number;
  /** Whether its producer reverts it, so many ms after it was told that it is applied. */
  readonly revertAfterMs?: number;
  /** Where its cells lie. */
  readonly shard?: string;
}

export type Operation =
  | 'counter.increment'
  | 'counter.decrement'
  | 'counter.set'
  | 'counter.remove'
  | 'inventory.take'
  | 'inventory.restock'
  | 'inventory.takeAll'
  | 'inventory.count'
  | 'inventory.reserve'
  | 'inventory.extend'
  | 'inventory.confirm'
  | 'inventory.release'
  | 'inventory.expire'
  | 'xp.award'
  | 'xp.take'
  | 'scores.add'
  | 'purse.pay'
  | 'transaction';

/** What it does. */
export type Drawn = Pick<DrawnUpdate, 'operation' | 'params'>;
