import type { BuiltInOperation } from '../operations/registry.js';
import type { CheckedUpdate } from '../operations/update.js';
import type { InputOf, OperationNamed, SubmissionNamed } from './types.js';
import type { Submission } from './submission.js';
import type { Trace } from './trace.js';

export interface SubmitOptions {
  /** The caller's name for this change: however often it is sent, it takes effect once. */
  idempotencyKey?: string;
  /**
   * Whose the key is: the same key of another owner is another one. @defaultValue the producer's `idempotencyOwner`
   */
  idempotencyOwner?: string;
  /**
   * Milliseconds to wait before it may run, up to 365 days; with an idempotency key, up to the time that keys are remembered.
   * Such an update goes as a job of its own. @defaultValue 0
   */
  delay?: number;
  /** The time before which it may not run, in place of `delay`: a Date, or a text as in RFC 3339. At once when it is past. */
  runAt?: Date | string;
  /** 1 (first) to 2,097,151; without it an update goes before those with one. It goes as a job of its own. */
  priority?: number;
  /**
   * Whether to refuse the call when an idempotency key is known to belong to another update, rather than to answer
   * with the outcome `conflict`. @defaultValue false
   */
  refuseConflicts?: boolean;
  /**
   * For who keeps updates elsewhere and sends them again after a crash: until when, by Redis' clock, an earlier sending with the same
   * idempotency key is remembered. After it an update whose key is not known is refused, `TOO_LATE_TO_SEND`, and nothing is sent. Of a
   * single update. @defaultValue it is sent whenever
   */
  sendBefore?: Date;
  /** The request that brought the update, noted in its job. @defaultValue none */
  trace?: Trace;
  /** Gets the updates of the call once all are found valid; it throws to refuse all of them. @defaultValue none */
  authorize?: (updates: readonly CheckedUpdate[]) => void;
}

type Shortcut<Name extends string> = (
  params: InputOf<OperationNamed<BuiltInOperation, Name>>,
  options?: SubmitOptions,
) => Promise<SubmissionNamed<BuiltInOperation, Name>>;

/** A method for each built-in operation, by family. */
export interface Shortcuts {
  readonly counters: {
    /** `counter.increment`: Adds `by` (1) to a counter; missing counts as 0. Past `max` it is `rejected` with `LIMIT_REACHED`, or adds what fits (`whenOver: 'saturate'`). */
    readonly increment: Shortcut<'counter.increment'>;
    /** `counter.decrement`: Subtracts `by` (1) from a counter; missing counts as 0. Below `min` it is `rejected` with `LIMIT_REACHED`, or takes what there is (`whenOver: 'saturate'`). */
    readonly decrement: Shortcut<'counter.decrement'>;
    /** `counter.set`: Sets a counter. With `expected` only if it holds that, or is missing for null: else `rejected` with `CHANGED`. */
    readonly set: Shortcut<'counter.set'>;
    /** `counter.remove`: Removes a key, field or member; with `expected` only if it holds that. */
    readonly remove: Shortcut<'counter.remove'>;
  };
  readonly inventory: {
    /** `inventory.take`: Takes stock, never below zero. When too little is there it takes that, **`applied` with less in `taken`, even 0**; who must not ship what is not there gives `whenShort: 'reject'`: then it is `rejected` with `INSUFFICIENT_STOCK`. */
    readonly take: Shortcut<'inventory.take'>;
    /** `inventory.restock`: Adds stock. */
    readonly restock: Shortcut<'inventory.restock'>;
    /** `inventory.takeAll`: Takes all items of a cart, or none: then `rejected` with `INSUFFICIENT_STOCK` and the items that are `short`. */
    readonly takeAll: Shortcut<'inventory.takeAll'>;
    /** `inventory.count`: Corrects stock after a stock-take: `of: 'onHand'`, all that lies in the shelf, or `'available'`, what can be sold. */
    readonly count: Shortcut<'inventory.count'>;
    /** `inventory.reserve`: Takes stock off and holds it for `ttlSeconds`, under a name of the caller's: see docs/shop.md. */
    readonly reserve: Shortcut<'inventory.reserve'>;
    /** `inventory.extend`: Holds a reservation for `ttlSeconds` from now on. */
    readonly extend: Shortcut<'inventory.extend'>;
    /** `inventory.confirm`: Sells what a reservation holds, or a `quantity` of it: the rest goes back. */
    readonly confirm: Shortcut<'inventory.confirm'>;
    /** `inventory.release`: Gives back what a reservation holds. */
    readonly release: Shortcut<'inventory.release'>;
    /** `inventory.expire`: Gives back those reservations that are over. Workers do it by themselves. */
    readonly expire: Shortcut<'inventory.expire'>;
  };
  readonly xp: {
    /** `xp.award`: Adds XP; with `levels`, ascending thresholds, the result tells the level. */
    readonly award: Shortcut<'xp.award'>;
    /** `xp.take`: Subtracts XP, never below `min` (0): takes what there is. */
    readonly take: Shortcut<'xp.take'>;
  };
  readonly scores: {
    /** `scores.add`: Changes up to 100 scores in one step, all or none. */
    readonly add: Shortcut<'scores.add'>;
    /** `scores.best`: Keeps the better of a score and `value`: the `highest`, or the `lowest`; a missing score takes the value. */
    readonly best: Shortcut<'scores.best'>;
  };
}

export function shortcuts(
  submit: (operation: string, params: unknown, options?: SubmitOptions) => Promise<Submission>,
): Shortcuts {
  const shortcut = <Name extends BuiltInOperation['name']>(operation: Name) =>
    ((params: unknown, options?: SubmitOptions) => submit(operation, params, options)) as Shortcut<Name>;
  return {
    counters: {
      increment: shortcut('counter.increment'),
      decrement: shortcut('counter.decrement'),
      set: shortcut('counter.set'),
      remove: shortcut('counter.remove'),
    },
    inventory: {
      take: shortcut('inventory.take'),
      restock: shortcut('inventory.restock'),
      takeAll: shortcut('inventory.takeAll'),
      count: shortcut('inventory.count'),
      reserve: shortcut('inventory.reserve'),
      extend: shortcut('inventory.extend'),
      confirm: shortcut('inventory.confirm'),
      release: shortcut('inventory.release'),
      expire: shortcut('inventory.expire'),
    },
    xp: { award: shortcut('xp.award'), take: shortcut('xp.take') },
    scores: { add: shortcut('scores.add'), best: shortcut('scores.best') },
  };
}
