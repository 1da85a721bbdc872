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
    readonly increment: Shortcut<'counter.increment'>;
    readonly decrement: Shortcut<'counter.decrement'>;
    readonly set: Shortcut<'counter.set'>;
    readonly remove: Shortcut<'counter.remove'>;
  };
  readonly inventory: {
    readonly take: Shortcut<'inventory.take'>;
    readonly restock: Shortcut<'inventory.restock'>;
    readonly takeAll: Shortcut<'inventory.takeAll'>;
    readonly count: Shortcut<'inventory.count'>;
    readonly reserve: Shortcut<'inventory.reserve'>;
    readonly extend: Shortcut<'inventory.extend'>;
    readonly confirm: Shortcut<'inventory.confirm'>;
    readonly release: Shortcut<'inventory.release'>;
    readonly expire: Shortcut<'inventory.expire'>;
  };
  readonly xp: { readonly award: Shortcut<'xp.award'>; readonly take: Shortcut<'xp.take'> };
  readonly scores: { readonly add: Shortcut<'scores.add'>; readonly best: Shortcut<'scores.best'> };
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
