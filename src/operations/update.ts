import * as crypto from 'node:crypto';
import { stringify } from 'safe-stable-stringify';
import { z } from 'zod';
import { TallyError, ValidationError } from '../errors.js';
import { parseWithFastPath, fastPathOf } from '../lib/schema-fast-path.js';
import type { ValidationCode, ValidationIssue } from '../errors.js';
import type { SentAt } from './bucket-params.js';
import { keyOfBucket } from './buckets.js';
import { asHeldByJob } from './held-by-job.js';
import { operationName } from './operation.js';
import type { Operation, Step } from './operation.js';
import { faultOf } from './step.js';
import type { CrossSlot } from './step.js';
import type { Registry } from './registry.js';
import type { Slot } from '../redis/slots.js';
import { failedOutcome } from './outcome.js';
import { idempotencyKeySchema } from './idempotency-key.js';
import { singlesOf } from './transaction.js';
import { timingShape } from './timing.js';
import type { Timing } from './timing.js';
import { distinctIssues } from '../lib/distinct-issues.js';

/** One requested change. */
export interface Update<Name extends string = string, Params = unknown> extends Timing {
  readonly operation: Name;
  readonly params: Params;
  /** The caller's name for this change, 1 to 255 bytes: however often it is sent, it takes effect once. */
  readonly idempotencyKey?: string | undefined;
}

/** An update that was checked, with its params complete. */
export interface CheckedUpdate {
  readonly operation: Operation;
  readonly params: unknown;
  readonly steps: readonly Step[];
  readonly idempotencyKey: string | undefined;
  /** Whose key that is; empty for callers without a name. */
  readonly idempotencyOwner: string;
  /** The slot of its first key, and in a Cluster of all its keys; none where it makes no difference. */
  readonly slot: Slot;
  /** When it runs, if it says so: most do not. */
  readonly timing?: Timing;
}

/** An update of a job that this process can't apply. */
export interface RefusedUpdate extends Omit<CheckedUpdate, 'operation' | 'steps' | 'slot' | 'timing'> {
  /** Undefined when its job does not say. */
  readonly slot: Slot | undefined;
  /** In the script's form. */
  readonly refusal: string;
}

/** Whether a key belongs to Tally or BullMQ, so that no update may write it. */
type IsReservedKey = (key: string) => boolean;

const updateSchema = z.strictObject(
  {
    operation: operationName,
    params: z.unknown().optional(), // checked by the operation, also when it is missing
    idempotencyKey: idempotencyKeySchema.optional(),
    ...timingShape,
  },
  { error: (issue) => (issue.code === 'invalid_type' ? 'an update is an object { operation, params }' : undefined) },
);

const acceptUpdate = fastPathOf(updateSchema);

/** What updates are checked against. */
export interface CheckContext {
  readonly registry: Registry;
  readonly isReservedKey: IsReservedKey;
  /** The slot that counts for an update; or two of its keys, where it may not lie in two. See `src/layout/`. */
  readonly slotOf: (steps: readonly Step[]) => Slot | CrossSlot;
  /** Whose the idempotency keys are. @defaultValue '', that of callers without a name */
  readonly idempotencyOwner?: string;
  /** Of a producer: when the update is sent, by Redis' clock. Without it an update is one of a job, which says so already. */
  readonly sentAt?: SentAt;
}

/**
 * Checks one update before it is queued.
 *
 * @throws ValidationError with every issue found
 */
export function checkUpdate(update: unknown, context: CheckContext): CheckedUpdate {
  const result = tryUpdate(update, context);
  return 'issues' in result ? refuse(result.issues) : result;
}

/**
 * Checks several updates: all are valid or none.
 *
 * @throws ValidationError with every issue found, its path starting with the update's index
 */
export function checkUpdates(updates: readonly unknown[], context: CheckContext): CheckedUpdate[] {
  return allOrNone(
    updates,
    (index) => `[${index}]`,
    (update) => tryUpdate(update, context),
  );
}

/** What a job says of an update beside its params. */
export type UpdateTags = Pick<RefusedUpdate, 'idempotencyKey' | 'idempotencyOwner' | 'slot'>;

/**
 * Checks the updates of a job again, before they are applied: each for itself.
 *
 * @param tagsAt what the job says of the update at an index
 */
export function checkUpdatesOf(
  operationName: string,
  updates: readonly unknown[],
  tagsAt: (index: number) => UpdateTags,
  context: CheckContext,
): (CheckedUpdate | RefusedUpdate)[] {
  const operation = findOperation(operationName, context);
  return updates.map((params, index) => {
    const tags = tagsAt(index);
    const { idempotencyKey, idempotencyOwner } = tags;
    const checked =
      'issues' in operation ? operation : tryParams(operation, params, idempotencyKey, idempotencyOwner, context);
    return 'issues' in checked ? { params, ...tags, refusal: encodeRefusal(checked.issues) } : checked;
  });
}

/** A code, and words without what separates outcomes. */
function encodeRefusal([issue]: readonly ValidationIssue[]): string {
  const { code, path, message } = issue ?? { code: 'INVALID_UPDATE', path: '', message: 'it is not valid' };
  return failedOutcome(code, (path === '' ? message : `${path}: ${message}`).replace(/[;|\p{Cc}]/gu, ' '));
}

type Checked = CheckedUpdate | Issues;

interface Issues {
  readonly issues: readonly ValidationIssue[];
}

function allOrNone<Item>(
  items: readonly Item[],
  pathOf: (index: number) => string,
  check: (item: Item) => Checked,
): CheckedUpdate[] {
  const issues: ValidationIssue[] = [];
  const checked: CheckedUpdate[] = [];
  for (const [index, item] of items.entries()) {
    const result = check(item);
    if ('issues' in result) {
      issues.push(...result.issues.map((issue) => ({ ...issue, path: joinPath(pathOf(index), issue.path) })));
    } else {
      checked.push(result);
    }
  }
  return issues.length > 0 ? refuse(issues) : checked;
}

/** The user's own code makes the steps of a custom operation, and may throw. */
function trySteps(operation: Operation, params: unknown): readonly Step[] | Issues {
  try {
    return operation.steps(params);
  } catch (error) {
    const message = `${operation.name} could not name its cells and arguments: ${String(error)}`;
    return { issues: [{ path: 'params', code: 'INVALID_PARAMS', message }] };
  }
}

function refuse(issues: readonly ValidationIssue[]): never {
  throw new ValidationError(issues as [ValidationIssue, ...ValidationIssue[]]);
}

function tryUpdate(update: unknown, context: CheckContext): Checked {
  const parsed = parseWithFastPath(updateSchema, acceptUpdate, update);
  if (!parsed.success) {
    return { issues: distinctIssues(parsed.error).map((issue) => toIssue(issue, 'INVALID_UPDATE')) };
  }
  const operation = findOperation(parsed.data.operation, context);
  if ('issues' in operation) {
    return operation;
  }
  const { params, idempotencyKey, delayMs, runAt, priority } = parsed.data;
  if (delayMs !== undefined && runAt !== undefined) {
    return { issues: [{ path: 'runAt', code: 'INVALID_UPDATE', message: 'give delayMs or runAt, not both' }] };
  }
  let checked = tryParams(operation, params, idempotencyKey, context.idempotencyOwner ?? '', context);
  if ('issues' in checked) {
    return checked;
  }
  if (delayMs !== undefined || runAt !== undefined || priority !== undefined) {
    checked = { ...checked, timing: { delayMs, runAt, priority } };
  }
  if (areOurs(checked, context.registry)) {
    return checked;
  }
  const held = asHeldByJob(operation, checked.params);
  return 'fault' in held
    ? { issues: [{ path: 'params', code: 'INVALID_PARAMS', message: held.fault }] }
    : { ...checked, params: held.params };
}

/** Whether all params are of schemas of Tally's own, which put out what JSON holds. */
function areOurs({ operation, params }: CheckedUpdate, registry: Registry): boolean {
  return singlesOf({ operation: operation.name, params }).every((each) => registry.isBuiltIn(each.operation));
}

function findOperation(name: string, { registry }: CheckContext): Operation | Issues {
  const operation = registry.find(name);
  if (operation !== undefined) {
    return operation;
  }
  return { issues: [{ path: 'operation', code: 'UNKNOWN_OPERATION', message: registry.unknown(name) }] };
}

/** A schema, and what names the cells, may be anybody's, and throw. */
function tryParams(...args: Parameters<typeof checkParams>): Checked {
  try {
    return checkParams(...args);
  } catch (error) {
    if (error instanceof TallyError) {
      throw error;
    }
    const message = `${args[0].name} can't check them: ${error instanceof Error ? error.message : String(error)}`;
    return { issues: [{ path: 'params', code: 'INVALID_PARAMS', message }] };
  }
}

function checkParams(
  operation: Operation,
  params: unknown,
  idempotencyKey: string | undefined,
  idempotencyOwner: string,
  { isReservedKey, slotOf, sentAt }: CheckContext,
): Checked {
  const parsed = parseWithFastPath(operation.params, operation.accept, params);
  if (!parsed.success) {
    const issues = distinctIssues(parsed.error).map((issue) => ({ ...issue, path: ['params', ...issue.path] }));
    return { issues: issues.map((issue) => toIssue(issue, 'INVALID_PARAMS')) };
  }
  const placement = operation.place?.(parsed.data, sentAt);
  if (placement !== undefined && 'fault' in placement) {
    const { path, message } = placement.fault;
    return { issues: [{ path: `params.${path}`, code: 'INVALID_PARAMS', message }] };
  }
  const complete = placement === undefined ? parsed.data : placement.params;
  const steps = trySteps(operation, complete);
  if ('issues' in steps) {
    return steps;
  }
  for (const step of steps) {
    const fault = faultOf(step);
    if (fault !== undefined) {
      return { issues: [{ path: 'params', code: 'INVALID_PARAMS', message: fault }] };
    }
    const reserved = step.cells.find(({ key }) => isReservedKey(key));
    if (reserved !== undefined) {
      const path = placeOfKey(complete, reserved.key);
      const message = `"${reserved.key}" belongs to Tally or BullMQ; use another key`;
      return { issues: [{ path, code: 'RESERVED_KEY', message }] };
    }
  }
  const slot = slotOf(steps);
  if (typeof slot === 'object') {
    const path = placeOfKey(complete, slot.other);
    return { issues: [{ path, code: 'CROSS_SLOT', message: crossSlotMessage(slot) }] };
  }
  if (placement?.byNow && idempotencyKey !== undefined && slot !== slotOf(steps.map(withoutBucket))) {
    return { issues: [{ path: 'params.at', code: 'INVALID_PARAMS', message: MOVING_KEY }] };
  }
  return { operation, params: complete, steps, idempotencyKey, idempotencyOwner, slot };
}

/** What is remembered of a key lies in the slot of the cell: of an update that is sent again later, in that of another bucket. */
const MOVING_KEY =
  'is needed with an idempotency key in a Redis Cluster, where the next bucket lies in another slot: say when it happened, or put ' +
  'a part of the key into braces, as in "{post1}:views"';

function crossSlotMessage({ first, other }: CrossSlot): string {
  return (
    `"${other}" and "${first}" lie in different slots of the Redis Cluster, so one update can't change both: put the same ` +
    `text in braces into the keys that change together, for example "{order-7}:${first}" and "{order-7}:${other}"`
  );
}

/** The step with the keys that its buckets have in common. */
function withoutBucket(step: Step): Step {
  return step.ofBucket ? { ...step, cells: step.cells.map((cell) => ({ ...cell, key: keyOfBucket(cell.key) })) } : step;
}

const FINGERPRINT_LENGTH = 16;

/**
 * What tells an update from another one under the same idempotency key: 96 bits of SHA-256, as base64url, over its operation
 * and its params in canonical form, without those that equal their default.
 */
export function fingerprint(operation: Operation, params: unknown): string {
  const text = `${operation.name}\n${stringify(operation.withoutDefaults(params)) ?? ''}`;
  return crypto.hash('sha256', text, 'base64url').slice(0, FINGERPRINT_LENGTH);
}

function toIssue(issue: z.core.$ZodIssue, code: ValidationCode): ValidationIssue {
  return {
    path: pathText(issue.path),
    code,
    message: issue.code === 'unrecognized_keys' ? unknownProperties(issue.keys) : issue.message,
  };
}

function unknownProperties(names: readonly string[]): string {
  return `unknown ${names.length === 1 ? 'property' : 'properties'} ${names.map((name) => `"${name}"`).join(', ')}`;
}

/** How the place of a value is written: `[3].params.items[0].key`. */
export function pathText(parts: readonly PropertyKey[]): string {
  return parts.reduce<string>((text, part) => joinPath(text, partText(part)), '');
}

function partText(part: PropertyKey): string {
  return typeof part === 'number' ? `[${part}]` : String(part);
}

function joinPath(first: string, second: string): string {
  return first === '' || second === '' || second.startsWith('[') ? first + second : `${first}.${second}`;
}

/**
 * Where in an update a key of its params stands, or that of a bucket; one that an operation makes up is of the params as a whole.
 */
export function placeOfKey(params: unknown, key: string): string {
  return joinPath('params', pathOfKey(params, key) || pathOfKey(params, keyOfBucket(key)));
}

function pathOfKey(value: unknown, key: string): string {
  if (typeof value !== 'object' || value === null) {
    return '';
  }
  for (const [name, inner] of Object.entries(value)) {
    const part = Array.isArray(value) ? `[${name}]` : name;
    if (name === 'key' && inner === key) {
      return part;
    }
    const deeper = pathOfKey(inner, key);
    if (deeper !== '') {
      return joinPath(part, deeper);
    }
  }
  return '';
}
