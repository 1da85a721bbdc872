import { z } from 'zod';
import { fastPathOf } from '../lib/schema-fast-path.js';
import type { FastPath } from '../lib/schema-fast-path.js';
import type { Cell } from '../redis/cell.js';
import { placeInBucket } from './bucket-params.js';
import type { BucketParams, Placement, SentAt } from './bucket-params.js';
import { defaultsRemover } from './without-defaults.js';

/** The name of an operation, in whatever asks for one. */
export const operationName = z.string({ error: 'name the operation, e.g. "counter.increment"' });

/** A value handed to a Lua plan: an integer or a flag. */
export type Argument = number | boolean;

/**
 * How many of its latest changes are kept of each cell, for the key inspector of the dashboard: 1 to 1,000, or `false`
 * for none. A job that changes a cell, however many of its updates do, counts as one change.
 */
export type History = number | false;

/** What a rejection says beside its code. */
export interface Rejection {
  /** The reason in words, naming keys and amounts. */
  readonly message: string;
  /** Of an update with `expected`: what the cell holds instead, null when it is missing. */
  readonly found?: number | null;
  /** Of `inventory.reserve` under a name that is taken: the quantity that it holds; of `inventory.count`: all that is held. */
  readonly held?: number;
  /** Of `inventory.reserve` under a name that is taken: until when it is held, e.g. `2026-11-27T10:00:00.000Z`. */
  readonly expiresAt?: string;
  /** Of updates that take stock, reserve it or confirm what is reserved: what is short. */
  readonly short?: readonly (Cell & { readonly quantity: number; readonly available: number })[];
}

/** One call of a plan: an ordinary update is one step, a transaction one for each of its updates. */
export interface Step {
  readonly operation: string;
  readonly cells: readonly Cell[];
  readonly args: readonly Argument[];
  /** Time to live of the cells that this step creates, in seconds. */
  readonly ttlSeconds?: number | undefined;
  /** Whether they get that life anew whenever this step is applied. */
  readonly renewTtl?: boolean | undefined;
  /** Whether its cells are a bucket's: then `ttlSeconds` is the life of the whole key, also of a hash or sorted set. */
  readonly ofBucket?: boolean | undefined;
  /** Whether it came later than its bucket takes anything. */
  readonly late?: boolean | undefined;
  /** The place of the first cell that gets that life: those before it stay. @defaultValue 0 */
  readonly ttlFrom?: number | undefined;
  readonly history: History;
  /** What the rejections of this step are put into words with. */
  readonly params: unknown;
  readonly rejections: Rejections;
}

/** The words for each rejection code. */
type Rejections = Readonly<Record<string, (details: readonly number[], params: never) => Rejection>>;

/** An update that takes back what another one did. */
export interface Inverse {
  readonly operation: string;
  readonly params: unknown;
}

/** An operation as the rest of Tally uses it. Made by {@link defineOperation}. */
export interface Operation<
  Name extends string = string,
  Params = unknown,
  Result = unknown,
  Input = unknown,
  Code extends string = string,
> {
  readonly name: Name;
  /** With which it can be rejected; empty where that is not said. */
  readonly codes: readonly Code[];
  /** The BullMQ queue that carries it. */
  readonly queue: string;
  readonly description: string;
  /** That of `transaction` is false: what it changes is kept as its operations say. */
  readonly history: History;
  /** Checks and completes params. Its output is what jobs hold, so it must accept its own output. */
  readonly params: z.ZodType<Params, Input>;
  /** Derived from {@link params}: the same for most params, without a look at the schema. */
  readonly accept: FastPath<Params>;
  /** Lua that returns the plan, or a table of plans by operation name. Absent for `transaction`. */
  readonly lua?: string;
  steps(params: Params): readonly Step[];
  /** Says in which buckets an update counts, see `placeInBucket`. Absent when its params can name none. */
  place?(params: Params, sentAt: SentAt | undefined): Placement<Params> | undefined;
  /** What its results look like. Absent where that is not said. */
  readonly resultSchema?: z.ZodType;
  /** Builds the result from the numbers that the plan of each step returned. */
  result(numbers: readonly (readonly number[])[], params: Params): Result;
  /** The params without those that equal their default: a default that is new makes no other update of an old one. */
  withoutDefaults(params: Params): unknown;
  /** What takes an applied update back, see {@link OperationDefinition.revert}. Absent when there is no such thing. */
  revert?(params: Params, result: Result): Inverse | readonly Inverse[] | undefined;
  /** The same operation with another history. Absent for `transaction`. */
  withHistory?(history: History): Operation<Name, Params, Result, Input, Code>;
}

export interface OperationDefinition<
  Name extends string,
  Schema extends z.ZodType,
  Result,
  Code extends string = string,
> {
  /** `family.verb`, e.g. `energy.spend`: letters and digits, first a small letter. */
  name: Name;
  /** The queue that carries it. @defaultValue the family, e.g. `energy` */
  queue?: string;
  /** One sentence for the dashboard and the API's documentation. */
  description?: string;
  /** A zod schema of the params. Its output must be valid input: it is checked again by the worker. */
  params: Schema;
  /** The cells to read and write, in the order in which the plan gets them; no cell twice. */
  cells: (params: z.output<Schema>) => readonly Cell[];
  /** The plan's arguments: integers and flags; `undefined` reaches it as `false`. @defaultValue none */
  args?: (params: z.output<Schema>) => readonly (Argument | undefined)[];
  /** Time to live of a cell that the update creates, in seconds. @defaultValue it stays */
  ttlSeconds?: (params: z.output<Schema>) => number | undefined;
  /** Whether every update sets that life anew. @defaultValue false: only one that creates a cell sets it */
  renewTtl?: (params: z.output<Schema>) => boolean | undefined;
  /** Whether its params are those of `bucketShape`, and its cells are named by `inBucket`. @internal */
  inBuckets?: boolean;
  /** The place among the cells of the first one that gets that life: those before it stay. @defaultValue 0 */
  ttlFrom?: (params: z.output<Schema>) => number;
  /** Entries of history kept of each cell, 1 to 1,000; see {@link History}. @defaultValue `false`, none */
  history?: History;
  /**
   * Lua source that ends in `return function(cells, args, now, missing) ... end`. The function gets the cells' integers
   * (0 for a missing cell, which has `true` in its place of `missing`) and Redis' time in ms, and returns
   * `new values, result numbers`, or `nil, 'CODE', { detail numbers }` to reject. A new value of `nil` leaves a cell alone,
   * `'remove'` removes it. It has no access to Redis, so it can't break what Tally promises.
   */
  lua: string;
  /** Builds the result from the numbers that the plan returned. */
  result: (numbers: readonly number[], params: z.output<Schema>) => Result;
  /** What results look like, for the documents of the API; they are not checked. @defaultValue that is not said */
  resultSchema?: z.ZodType<NoInfer<Result>>;
  /**
   * The exact inverse of an applied update: another update, or several that are applied together, or undefined when it changed
   * nothing. It must be the same whenever it is asked for, and keep to one operation: that, and the id of what is reverted,
   * is what a second revert is known by. @defaultValue none: the operation can't be reverted
   */
  revert?: (params: z.output<Schema>, result: Result) => Inverse | readonly Inverse[] | undefined;
  /** The words for each rejection code. @defaultValue the code itself */
  rejections?: Readonly<Record<Code, (details: readonly number[], params: z.output<Schema>) => Rejection>>;
}

const historySchema = z.union([z.int().min(1).max(1000), z.literal(false)]);

const NAME = /^[a-z][A-Za-z0-9]*\.[a-z][A-Za-z0-9]*$/;

/**
 * Defines an operation. Pass it to `createProducer`, `createWorker` and the dashboard as `operations: [...]`.
 *
 * @throws TypeError when the name does not have the form `family.verb`, or `history` is neither a number of entries
 * nor false
 */
export function defineOperation<
  const Name extends string,
  Schema extends z.ZodType,
  Result,
  Code extends string = string,
>(
  definition: OperationDefinition<Name, Schema, Result, Code>,
): Operation<Name, z.output<Schema>, Result, z.input<Schema>, Code> {
  type Params = z.output<Schema>;
  const { name, cells, args, ttlSeconds, renewTtl, ttlFrom, result, history = false } = definition;
  const rejections: Rejections = definition.rejections ?? {};
  const { inBuckets = false } = definition;
  if (!NAME.test(name)) {
    throw new TypeError(`operation name "${name}" must have the form family.verb, e.g. "energy.spend"`);
  }
  if (!historySchema.safeParse(history).success) {
    throw new TypeError(
      `history of the operation "${name}" must be a whole number of entries from 1 to 1000, or false, not ${String(history)}`,
    );
  }
  // Every update has a step made twice, so without spreads: what stands behind one in a literal is defined by a call of V8's.
  const step = (params: Params): Step => {
    const placed = inBuckets ? (params as BucketParams).placed : undefined;
    return {
      operation: name,
      cells: cells(params),
      args: args === undefined ? [] : args(params).map((argument) => argument ?? false),
      ttlSeconds: placed?.ttlSeconds ?? ttlSeconds?.(params),
      renewTtl: renewTtl?.(params) === true,
      // What the bucket in which an update counts makes of its step.
      ofBucket: placed !== undefined,
      late: placed?.late,
      ttlFrom: ttlFrom?.(params),
      history,
      params,
      rejections,
    };
  };
  return {
    name,
    codes: Object.keys(rejections) as Code[],
    queue: definition.queue ?? name.slice(0, name.indexOf('.')),
    description: definition.description ?? '',
    params: definition.params as unknown as z.ZodType<Params, z.input<Schema>>,
    accept: fastPathOf(definition.params as unknown as z.ZodType<Params>),
    history,
    lua: definition.lua,
    steps: (params) => [step(params)],
    ...(inBuckets && { place: placeInBucket as unknown as NonNullable<Operation<Name, Params>['place']> }),
    ...(definition.resultSchema && { resultSchema: definition.resultSchema }),
    result: ([numbers = []], params) => result(numbers, params),
    withoutDefaults: defaultsRemover(definition.params),
    ...(definition.revert && { revert: definition.revert }),
    withHistory: (other) => defineOperation({ ...definition, history: other }),
  };
}

const PARTS = ['steps', 'accept', 'result', 'withoutDefaults', 'withHistory'] as const satisfies (keyof Operation)[];

/** Whether it is what {@link defineOperation} returned: also that of another copy of Tally, as a program of npm may have. */
export function isOperation(value: unknown): value is Operation {
  const parts = value as Partial<Operation> | null | undefined;
  return typeof parts?.lua === 'string' && PARTS.every((name) => typeof parts[name] === 'function');
}
