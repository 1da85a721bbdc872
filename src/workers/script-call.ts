import { FORM, recordHead } from '../jobs/form.js';
import type { Stamp } from '../jobs/job-data.js';
import { halvesOfIds } from '../jobs/job-id.js';
import { UNSETTLED_RECEIPT_MS } from '../jobs/job-options.js';
import { TOLD_FORM } from '../jobs/told.js';
import type { Cell } from '../redis/cell.js';
import type { Operation } from '../operations/operation.js';
import { TRANSACTION } from '../operations/transaction.js';
import type { CheckedUpdate, RefusedUpdate } from '../operations/update.js';
import { fingerprint } from '../operations/update.js';
import type { UpdateGroup, UpdateGroups } from '../layout/update-group.js';
import type { IdempotencyName, JobName, Keys } from '../redis/keys.js';
import { slotOf, tagOf } from '../redis/slots.js';
import type { Slot } from '../redis/slots.js';
import { StepList } from './step-list.js';
import type { CellTable, Group } from './step-list.js';
import { toldCells } from './told-cells.js';

const DAY_MS = 24 * 3600 * 1000;

/** Time to live of a cell's history after its latest entry. */
export const HISTORY_LIFE_MS = 30 * DAY_MS;

/** A receipt is not relied on in the last hour of its life. */
const FORGETTING_MARGIN_MS = 3_600_000;

/**
 * How long after it was sent a job may be applied, whether it ran before or not: an operator may set its attempts back, and an
 * update that was put back has none.
 */
const APPLY_LIMIT_MS = UNSETTLED_RECEIPT_MS - FORGETTING_MARGIN_MS;

export interface ScriptCall {
  readonly keys: readonly string[];
  /** In a call for several slots, the keys after the first follow; where outcomes are told, the cells and the job's data. */
  readonly args: readonly [leaseMs: number, request: string, recordHead: string, ...more: string[]];
}

/** An update as a worker has read it from its job. */
export type JobUpdate = CheckedUpdate | RefusedUpdate;

/** The updates of a job that one script call applies. */
export type JobGroup = UpdateGroup<JobUpdate>;

export type JobGroups = UpdateGroups<JobUpdate>;

/** What a script call says of the job and of the attempt, beside the updates. */
export interface CallSettings {
  readonly name: JobName;
  /** The name by which its receipt went if its data had a version then and have none now, or the other way round. */
  readonly otherName?: JobName | undefined;
  /** Version of the job's form. */
  readonly form: number;
  readonly digest: string;
  readonly stamp: Partial<Stamp>;
  /** Whether an earlier attempt may have applied it. */
  readonly ranBefore: boolean;
  readonly leaseMs: number;
  /** The latest time that was known to be announced when the attempt began. */
  readonly clockMs?: number | undefined;
  readonly lockDurationMs: number;
  /** How long keys are remembered at least. */
  readonly leastWindowMs?: number | undefined;
  /** When outcomes are told. */
  readonly told?: ToldCall | undefined;
  readonly keys: Keys;
}

/** What a call has to know to tell of its updates. */
export interface ToldCall {
  /** The key of the stream. */
  readonly stream: string;
  /** Whether it lies in another slot than what a call for a single slot names: then it is none of its KEYS. @defaultValue false */
  readonly isApart?: boolean;
  /** With what ids begin, and the operation. */
  readonly source: string;
  /** Of the job, JSON; or what it would be for these updates alone. */
  readonly data: string;
  /** The places of the updates in the job. @defaultValue these are all, in order */
  readonly indexes?: string | undefined;
}

/** Builds the KEYS and ARGV that `lua/apply.lua` describes. */
export function buildScriptCall(group: JobGroup, settings: CallSettings): ScriptCall {
  const { slot } = group;
  const { clockMs, keys } = settings;
  const { scriptKeys, request, steps } = layOut([group], settings, (cell) => keys.history(cell, slot));
  const [announced, otherReceipt] = addPast(slot, settings, scriptKeys);
  const past = { announced, ...(clockMs !== undefined && { clockMs }), ...(otherReceipt && { otherReceipt }) };
  const { told, cellsAndData } = addTold(settings, scriptKeys, steps, group.updates);
  return { keys: scriptKeys, args: [...argumentsOf({ ...request, ...past, ...told }, settings), ...cellsAndData] };
}

/** Of what is to be told. Adds the stream to the keys of the script. */
function addTold(
  { told }: Pick<CallSettings, 'told'>,
  scriptKeys: string[],
  steps: StepList,
  updates: readonly JobUpdate[],
) {
  if (told === undefined) {
    return { cellsAndData: [] };
  }
  const { stream, isApart = false, source, indexes, data } = told;
  const where = isApart ? { key: stream } : { stream: scriptKeys.push(stream) };
  return {
    told: { told: { ...where, form: TOLD_FORM, source, ...(indexes && { indexes }) } },
    cellsAndData: [JSON.stringify(toldCells(steps, stepCounts(updates))), data],
  };
}

/**
 * The same for updates in several slots of one master.
 *
 * @param clockMsOf the latest time that was known to be announced in a slot when the attempt began
 */
export function buildCrossSlotCall(
  groups: JobGroups,
  settings: Omit<CallSettings, 'clockMs'>,
  clockMsOf: (slot: Slot) => number | undefined,
): ScriptCall {
  const { name, otherName, ranBefore, keys } = settings;
  const { scriptKeys, request, steps, updates } = layOut(groups, settings, (cell) =>
    keys.history(cell, slotOf(cell.key)),
  );
  const counts = groups.map(({ updates }) => updates.length);
  const clocksMs = groups.map(({ slot }) => clockMsOf(slot) ?? false);
  const slots = {
    tags: groups.map(({ slot }) => tagOf(slot)).join(','),
    ...(counts.some((count) => count !== 1) && { updates: counts }),
    ...(clocksMs.some((ms) => ms !== false) && { clocksMs }),
    ...keys.inAnySlot(name),
    ...(ranBefore && otherName !== undefined && { other: keys.inAnySlot(otherName).receipt }),
  };
  const { told, cellsAndData } = addTold(settings, scriptKeys, steps, updates);
  const [first = '', ...others] = scriptKeys;
  return {
    keys: [first],
    args: [...argumentsOf({ ...request, slots, ...told }, settings), ...others, ...cellsAndData],
  };
}

function argumentsOf(request: object, { leaseMs, form, digest }: Omit<CallSettings, 'clockMs'>) {
  return [leaseMs, JSON.stringify(request), recordHead(form, digest)] as const;
}

/** What all of a call has in common, and its keys. */
function layOut(groups: JobGroups, settings: Omit<CallSettings, 'clockMs'>, historyOf: (cell: Cell) => string) {
  const [{ slot, isPart }] = groups;
  const { name, stamp, ranBefore, lockDurationMs, keys } = settings;
  const updates = groups.length === 1 ? groups[0].updates : groups.flatMap((group) => group.updates);
  const { steps, refused, operation } = readSteps(updates, keys);
  const scriptKeys = [keys.jobReceipt(name, slot), ...steps.cells.strings];
  const encodeGroups = (ofKind: Map<string, Group>) =>
    [...ofKind.values()].map(({ key, cells, names }) => [scriptKeys.push(key), cells, names]);
  const hashes = encodeGroups(steps.cells.hashes);
  const sortedSets = encodeGroups(steps.cells.sortedSets);
  const keyed = addKeyed(groups, settings, scriptKeys);
  const request = {
    strings: steps.cells.strings.length,
    ...(hashes.length > 0 && { hashes }),
    ...(sortedSets.length > 0 && { sortedSets }),
    updates: updates.length,
    ...(isPart && { part: true }),
    ...(refused.length > 0 && { refused }),
    ...(operation === TRANSACTION && { steps: stepCounts(updates) }),
    ...steps.shapes.encode(),
    cells: steps.cellNumbers,
    args: steps.args,
    ...keyed,
    ...addHistories(steps.cells, `${name.jobId} ${operation}`, historyOf, scriptKeys),
    ...(stamp.sentAtMs !== undefined && { applyUntilMs: stamp.sentAtMs + APPLY_LIMIT_MS }),
    ...(ranBefore && { ranBefore }),
    leaseLengthMs: lockDurationMs,
    receiptSeconds: UNSETTLED_RECEIPT_MS / 1000,
  };
  return { scriptKeys, request, steps, updates };
}

/** How many steps each update has. */
export function stepCounts(updates: readonly JobUpdate[]): number[] {
  return updates.map((update) => ('refusal' in update ? 0 : update.steps.length));
}

/** The steps of all updates that this worker can apply, and the outcomes of the others. */
export function readSteps(updates: readonly JobUpdate[], keys: Pick<Keys, 'hold'>) {
  const steps = new StepList(keys);
  const refused: [place: number, outcome: string][] = [];
  let operation = '';
  for (const [place, update] of updates.entries()) {
    if ('refusal' in update) {
      refused.push([place + 1, update.refusal]);
      continue;
    }
    operation = update.operation.name;
    for (const step of update.steps) {
      steps.add(step);
    }
  }
  return { steps, refused, operation };
}

/** Of the updates with idempotency keys. Adds their receipts to the keys of the script. */
function addKeyed(groups: JobGroups, settings: Omit<CallSettings, 'clockMs'>, scriptKeys: string[]) {
  const { name, form, stamp, leastWindowMs, keys } = settings;
  const firstKey = scriptKeys.length + 1;
  const [updates, fingerprints, slots, idTails]: [number[], string[], number[], (number | '')[]] = [[], [], [], []];
  const { head: idHead, tailAt } = halvesOfIds(name.jobId);
  let number = 0;
  for (const group of groups) {
    for (const [place, update] of group.updates.entries()) {
      number += 1;
      if (!('refusal' in update) && update.idempotencyKey !== undefined) {
        scriptKeys.push(keys.idempotencyReceipt(idempotencyNameOf(update), group.slot));
        updates.push(number);
        fingerprints.push(fingerprint(update.operation, update.params));
        slots.push(group.slotInCluster(update.steps));
        idTails.push(tailAt(group.indexAt(place)));
      }
    }
  }
  if (updates.length === 0) {
    return undefined;
  }
  const keyed = { updates, firstKey, fingerprints, slots, idHead, idTails };
  return { keyed, form, newestForm: FORM, ...stamp, leastWindowMs };
}

/** Of the histories to be kept. Adds them to the keys of the script. */
function addHistories(cells: CellTable, source: string, keyOf: (cell: Cell) => string, scriptKeys: string[]) {
  const histories = cells.histories();
  if (histories.cells.length === 0) {
    return undefined;
  }
  const firstKey = scriptKeys.length + 1;
  scriptKeys.push(...histories.cells.map(keyOf));
  const lifeSeconds = HISTORY_LIFE_MS / 1000;
  return { history: { firstKey, entries: sameOrList(histories.entries), lifeSeconds, source } };
}

/** Adds what is announced in a slot, and the job's other name if an earlier attempt may have used it, to the keys of the script. */
function addPast(
  slot: Slot,
  { otherName, ranBefore, keys }: Omit<CallSettings, 'clockMs'>,
  scriptKeys: string[],
): [announced: number, otherReceipt?: number] {
  const announced = scriptKeys.push(keys.announced(slot));
  return ranBefore && otherName !== undefined
    ? [announced, scriptKeys.push(keys.jobReceipt(otherName, slot))]
    : [announced];
}

function idempotencyNameOf(update: {
  readonly operation: Operation;
  readonly idempotencyOwner: string;
  readonly idempotencyKey: string | undefined;
}): IdempotencyName {
  const { operation, idempotencyOwner: owner, idempotencyKey: key = '' } = update;
  return { owner, operation: operation.name, key };
}

/** What is the same for all is said once. */
function sameOrList<Value>(values: readonly Value[]): Value | undefined | readonly Value[] {
  return values.every((value) => value === values[0]) ? values[0] : values;
}
