import { describeCell } from '../redis/cell.js';
import type { Operation, Rejection } from './operation.js';

/**
 * What became of one update.
 *
 * - `applied`: it took effect; `result` holds the operation's numbers.
 * - `rejected`: a business answer such as `INSUFFICIENT_STOCK`; nothing was written.
 * - `conflict`: its idempotency key was used before for another update; nothing was written.
 * - `cancelled`: it was taken back before it began; nothing was written, and nothing will be.
 * - `failed`: it can't be applied as things are, e.g. `WRONG_TYPE`; nothing was written.
 * - `unknown`: it can't be told any more whether it took effect, e.g. `TOO_OLD` or `FOREIGN_WORKER`. Look at the cell, or at
 *   its history, before it is submitted anew.
 */
export type Outcome<Result = unknown, Code extends string = string> =
  | { readonly status: 'applied'; readonly result: Result; readonly duplicate?: true }
  | ({ readonly status: 'rejected'; readonly duplicate?: true } & Reason<Code>)
  | ({ readonly status: 'conflict' } & Reason)
  | ({ readonly status: 'cancelled'; readonly duplicate?: true } & Reason)
  | ({ readonly status: 'failed' } & Reason)
  | ({ readonly status: 'unknown' } & Reason);

export interface Reason<Code extends string = string> extends Rejection {
  /** A stable code, e.g. `INSUFFICIENT_STOCK`; of a rejection one of those of its operation. */
  readonly reason: Code;
  /** Of a transaction: the index of the update because of which all were refused. */
  readonly update?: number;
}

/** With what an outcome in the script's form begins; one that was applied begins with its numbers. */
const SIGN = { duplicate: '=', conflict: '~', rejected: '!', cancelled: '#', failed: '?', unknown: '*' } as const;

/** The outcome of an update whose idempotency key belongs to another one. */
export const CONFLICT = SIGN.conflict;

/** The outcome of an update that was taken back, which `lua/cancel.lua` writes in place of what would become of it. */
export const CANCELLED = SIGN.cancelled;

/** The outcome of an update that is sent again. @param first that of the first one, as it is recorded */
export function asDuplicate(first: string): string {
  return SIGN.duplicate + first;
}

/** The outcome of an update that can't be applied. @param words of its reason, or the number of the cell that is the reason */
export function failedOutcome(code: string, words: string | number): string {
  return `${SIGN.failed}${code},${words}`;
}

/** What stands behind the code of an outcome that failed, also of an operation that is not known here. */
export function readFailedOutcome(outcome: string): { reason: string; message: string } | undefined {
  const [, reason, message] = /^\?([A-Z_]+),(.*)$/s.exec(outcome) ?? [];
  return reason === undefined || message === undefined ? undefined : { reason, message };
}

/** What stands behind the sign of an outcome that was not applied. */
export function withoutSign(outcome: string): string {
  return outcome.slice(1);
}

/** What an outcome in the script's form says, without reading it. */
export function kindOf(outcome: string): Outcome['status'] | 'duplicate' {
  switch (outcome[0]) {
    case SIGN.duplicate:
      return 'duplicate';
    case SIGN.conflict:
      return 'conflict';
    case SIGN.rejected:
      return 'rejected';
    case SIGN.cancelled:
      return 'cancelled';
    case SIGN.failed:
      return 'failed';
    case SIGN.unknown:
      return 'unknown';
    default:
      return 'applied';
  }
}

const SEPARATOR = ';';

/** Splits what the script returned into the texts of the single outcomes. */
export function splitOutcomes(outcomes: string): string[] {
  return outcomes.split(SEPARATOR);
}

/** The opposite of {@link splitOutcomes}. */
export function joinOutcomes(outcomes: readonly string[]): string {
  return outcomes.join(SEPARATOR);
}

const NOT_PLAINLY_APPLIED = new RegExp(`[${Object.values(SIGN).join('')}]`);

/**
 * Whether all outcomes are applied, and none a duplicate: told faster than by looking at each. A whole record will do, since its
 * head has none of the signs.
 */
export function areAllApplied(outcomes: string): boolean {
  return !NOT_PLAINLY_APPLIED.test(outcomes);
}

/** Whether this text of an outcome says `failed` or `unknown`: such an update of a batch is put back as a job of its own. */
export function isUndone(outcome: string): boolean {
  return outcome.startsWith(SIGN.failed) || outcome.startsWith(SIGN.unknown);
}

/** The result numbers of each step of an update that was applied. */
export function numbersOf(outcome: string): number[][] {
  return outcome.split('|').map((part) => (part === '' ? [] : part.split(',').map(Number)));
}

const REASON_OF_CONFLICT: Reason = {
  reason: 'IDEMPOTENCY_CONFLICT',
  message: 'this idempotency key was used before for another update; use a new key for a new update',
};

const REASON_OF_CANCELLED: Reason = { reason: 'CANCELLED', message: 'it was taken back before it began' };

/** Why an update of an operation that is not known here was not applied: the code stands for the words. */
export function readReason(outcome: string): Reason {
  const kind = kindOf(outcome);
  if (kind === 'conflict' || kind === 'cancelled') {
    return kind === 'conflict' ? REASON_OF_CONFLICT : REASON_OF_CANCELLED;
  }
  const [, step, code = ''] = /^.(?:(\d+):)?([A-Z_]*)/.exec(outcome) ?? [];
  return { reason: code, message: code, ...(step !== undefined && { update: Number(step) - 1 }) };
}

/** Reads one outcome in the script's form, described at the head of `lua/apply.lua`. */
export function decodeOutcome<Params, Result>(
  outcome: string,
  operation: Operation<string, Params, Result>,
  params: Params,
): Outcome<Result> {
  switch (outcome[0]) {
    case SIGN.duplicate: {
      const first = decodeOutcome(outcome.slice(1), operation, params);
      const { status } = first;
      return status === 'applied' || status === 'rejected' || status === 'cancelled'
        ? { ...first, duplicate: true }
        : first;
    }
    case SIGN.conflict:
      return { status: 'conflict', ...REASON_OF_CONFLICT };
    case SIGN.cancelled:
      return { status: 'cancelled', ...REASON_OF_CANCELLED };
    case SIGN.rejected:
      return { status: 'rejected', ...decodeReason(outcome.slice(1), operation, params, rejectionOf) };
    case SIGN.failed:
      return { status: 'failed', ...decodeReason(outcome.slice(1), operation, params) };
    case SIGN.unknown:
      return { status: 'unknown', ...decodeReason(outcome.slice(1), operation, params) };
    default: {
      return { status: 'applied', result: operation.result(numbersOf(outcome), params) };
    }
  }
}

/** Why an update was not applied whatever its cells hold. */
const REASONS_WITHOUT_CELL: Readonly<Record<string, string>> = {
  TOO_OLD:
    'it stood for longer than its idempotency key is remembered, and another update under the key may have been applied ' +
    'meanwhile: look at the cell, then submit it anew, or have `tally readmit` send it on',
  UNSTAMPED:
    'it has an idempotency key, but its job does not say when it was sent: submit it through a producer of Tally',
  UNREADABLE_RECEIPT: 'what is recorded under its idempotency key was not written by Tally: remove it',
};

/** Codes whose words a worker has written into the outcome itself. */
const CODES_WITH_WORDS = new Set([
  'INVALID_PARAMS',
  'INVALID_UPDATE',
  'UNKNOWN_OPERATION',
  'RESERVED_KEY',
  'CROSS_SLOT',
]);

type Describe = (code: string, details: string[], step: ReturnType<Operation['steps']>[number]) => Reason;

function decodeReason<Params>(
  text: string,
  operation: Operation<string, Params>,
  params: Params,
  describe: Describe = describeReason,
): Reason {
  const [, stepNumber, rest = ''] = /^(?:(\d+):)?(.*)$/s.exec(text) ?? [];
  const [code = '', ...details] = rest.split(',');
  const known =
    describe === rejectionOf
      ? undefined // the codes of plans are their operation's own
      : CODES_WITH_WORDS.has(code)
        ? details.join(',')
        : REASONS_WITHOUT_CELL[code];
  if (known !== undefined) {
    return { reason: code, message: known };
  }
  const update = stepNumber === undefined ? undefined : Number(stepNumber) - 1;
  const step = operation.steps(params)[update ?? 0];
  if (step === undefined) {
    throw new RangeError(`outcome "${text}" names an update that ${operation.name} does not have`);
  }
  const reason = describe(code, details, step);
  return update === undefined
    ? reason
    : { ...reason, update, message: `update ${update} (${step.operation}): ${reason.message}` };
}

function rejectionOf(...[code, details, step]: Parameters<Describe>): Reason {
  const said = step.rejections[code]?.(details.map(Number), step.params as never);
  return { reason: code, ...(said ?? { message: code }) };
}

function describeReason(...[code, details, step]: Parameters<Describe>): Reason {
  const cell = step.cells[Number(details[0]) - 1];
  const where = cell === undefined ? 'a cell' : describeCell(cell);
  switch (code) {
    case 'WRONG_TYPE':
      return { reason: code, message: `${where} holds another type of value than this update needs` };
    case 'NOT_AN_INTEGER':
      return { reason: code, message: `${where} holds something other than an integer within +-(2^53 - 1)` };
    case 'OUT_OF_RANGE':
      return { reason: code, message: `${where} would leave the range of +-(2^53 - 1)` };
    case 'NOPERM':
      return { reason: code, message: `the Redis user of the worker may not write ${where}` };
    case 'PLAN_ERROR':
      return { reason: code, message: `the Lua plan of ${step.operation} failed: ${details.join(',')}` };
    default:
      return { reason: code, message: code };
  }
}
