import { FORM, recordHead } from '../jobs/form.js';
import type { Stamp } from '../jobs/job-data.js';
import { updateId } from '../jobs/job-id.js';
import type { Cell } from '../redis/cell.js';
import type { Argument, History, Operation, Step } from '../operations/operation.js';
import { TRANSACTION } from '../operations/transaction.js';
import type { CheckedUpdate, RefusedUpdate } from '../operations/update.js';
import { fingerprint } from '../operations/update.js';
import type { UpdateGroup, UpdateGroups } from '../layout/update-group.js';
import type { IdempotencyName, JobName, Keys } from '../redis/keys.js';
import type { Slot } from '../redis/slots.js';

const DAY_MS = 24 * 3600 * 1000;

/** Life of a cell's history after its latest entry. */
export const HISTORY_LIFE_MS = 30 * DAY_MS;

/** Life of a job's receipt until the job is settled: longer than a job may be delayed, by more than it may wait. */
const UNSETTLED_RECEIPT_MS = 400 * DAY_MS;

/** A receipt is not relied on in the last hour of its life. */
const FORGETTING_MARGIN_MS = 3_600_000;

/**
 * How long after it was sent a job may be applied, whether it ran before or not: an operator may set its attempts back, and an
 * update that was put back has none.
 */
const APPLY_LIMIT_MS = UNSETTLED_RECEIPT_MS - FORGETTING_MARGIN_MS;

export interface ScriptCall {
  readonly keys: readonly string[];
  readonly args: readonly [leaseMs: number, request: string, recordHead: string];
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
  readonly keys: Keys;
}

/** Builds the KEYS and ARGV that `lua/apply.lua` describes. */
export function buildScriptCall(group: JobGroup, settings: CallSettings): ScriptCall {
  const { slot, updates, isPart } = group;
  const { name, form, digest, leaseMs, lockDurationMs, keys } = settings;
  const { steps, refused, operation } = readSteps(updates);
  const scriptKeys = [keys.jobReceipt(name, slot), ...steps.cells.strings];
  const encodeGroups = (groups: Map<string, Group>) =>
    [...groups.values()].map(({ key, cells, names }) => [scriptKeys.push(key), cells, names]);
  const hashes = encodeGroups(steps.cells.hashes);
  const sortedSets = encodeGroups(steps.cells.sortedSets);
  const keyed = addKeyed(group, settings, scriptKeys);
  const request = {
    strings: steps.cells.strings.length,
    ...(hashes.length > 0 && { hashes }),
    ...(sortedSets.length > 0 && { sortedSets }),
    updates: updates.length,
    ...(isPart && { part: true }),
    ...(refused.length > 0 && { refused }),
    ...(operation === TRANSACTION && {
      steps: updates.map((update) => ('refusal' in update ? 0 : update.steps.length)),
    }),
    ...steps.shapes.encode(),
    cells: steps.cellNumbers,
    args: steps.args,
    ...keyed,
    ...addHistories(steps.cells, `${name.jobId} ${operation}`, (cell) => keys.history(cell, slot), scriptKeys),
    ...addPast(slot, settings, scriptKeys),
    leaseLengthMs: lockDurationMs,
    receiptSeconds: UNSETTLED_RECEIPT_MS / 1000,
  };
  return { keys: scriptKeys, args: [leaseMs, JSON.stringify(request), recordHead(form, digest)] };
}

/** The steps of all updates that this worker can apply, and the outcomes of the others. */
function readSteps(updates: readonly JobUpdate[]) {
  const steps = new StepList();
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
function addKeyed(group: JobGroup, settings: CallSettings, scriptKeys: string[]) {
  const { slot, updates } = group;
  const { name, form, stamp, leastWindowMs, keys } = settings;
  const keyed = updates.flatMap((update, place) => {
    if ('refusal' in update || update.idempotencyKey === undefined) {
      return [];
    }
    const position = scriptKeys.push(keys.idempotencyReceipt(idempotencyNameOf(update), slot));
    const id = updateId(name.jobId, group.indexAt(place));
    const inCluster = group.slotInCluster(update.steps);
    return [[place + 1, position, fingerprint(update.operation, update.params), id, inCluster]];
  });
  return keyed.length === 0 ? undefined : { keyed, form, newestForm: FORM, ...stamp, leastWindowMs };
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

/** Of what happened before. Adds what is announced, and the job's other name, to the keys of the script. */
function addPast(slot: Slot, settings: CallSettings, scriptKeys: string[]) {
  const { otherName, stamp, ranBefore, clockMs, keys } = settings;
  return {
    announced: scriptKeys.push(keys.announced(slot)),
    ...(clockMs !== undefined && { clockMs }),
    ...(stamp.sentAtMs !== undefined && { applyUntilMs: stamp.sentAtMs + APPLY_LIMIT_MS }),
    ...(ranBefore && { ranBefore }),
    ...(ranBefore && otherName !== undefined && { otherReceipt: scriptKeys.push(keys.jobReceipt(otherName, slot)) }),
  };
}

function idempotencyNameOf(update: {
  readonly operation: Operation;
  readonly idempotencyOwner: string;
  readonly idempotencyKey: string | undefined;
}): IdempotencyName {
  const { operation, idempotencyOwner: owner, idempotencyKey: key = '' } = update;
  return { owner, operation: operation.name, key };
}

/** The steps of a job, laid out as the script reads them. One pass over them: a busy worker does little else. */
class StepList {
  readonly cells = new CellTable();
  readonly cellNumbers: number[] = [];
  readonly args: Argument[] = [];
  readonly shapes = new ShapeList();

  add({ operation, cells, args, ttlSeconds, renewTtl = false, history }: Step): void {
    for (const cell of cells) {
      const number = this.cells.number(cell);
      this.cellNumbers.push(number);
      if (history !== false) {
        this.cells.keepHistory(number, history);
      }
    }
    for (const argument of args) {
      this.args.push(argument);
    }
    this.shapes.add(operation, cells.length, args.length, ttlSeconds ?? false, renewTtl);
  }
}

/** What a step is like, but for the cells and arguments themselves. */
interface Shape {
  readonly operation: string;
  readonly cells: number;
  readonly args: number;
  readonly ttl: number | false;
  readonly renew?: true;
}

/** The shapes of all steps, each once: most jobs have a single one. */
class ShapeList {
  readonly #shapes: Shape[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #ofSteps: number[] = [];
  #latest: Shape = { operation: '', cells: 0, args: 0, ttl: false };
  #latestNumber = 0;

  add(operation: string, cells: number, args: number, ttl: number | false, renew: boolean): void {
    const latest = this.#latest;
    if (
      operation !== latest.operation ||
      cells !== latest.cells ||
      args !== latest.args ||
      ttl !== latest.ttl ||
      renew !== (latest.renew === true)
    ) {
      this.#latest = { operation, cells, args, ttl, ...(renew && { renew }) };
      this.#latestNumber = this.#numberOf(this.#latest);
    }
    this.#ofSteps.push(this.#latestNumber);
  }

  encode(): { shapes: readonly Shape[]; shapeOfStep?: readonly number[] } {
    return { shapes: this.#shapes, ...(this.#shapes.length > 1 && { shapeOfStep: this.#ofSteps }) };
  }

  #numberOf(shape: Shape): number {
    const id = Object.values(shape).join(' ');
    const number = this.#numbers.get(id) ?? this.#shapes.push(shape);
    this.#numbers.set(id, number);
    return number;
  }
}

/** What is the same for all is said once. */
function sameOrList<Value>(values: readonly Value[]): Value | undefined | readonly Value[] {
  return values.every((value) => value === values[0]) ? values[0] : values;
}

/** A hash or sorted set with the cells of it that a job touches. */
interface Group {
  readonly key: string;
  readonly cells: number[];
  readonly names: string[];
  /** The number of each cell by its name. */
  readonly numbers: Map<string, number>;
}

/** Above any number of string cells in one job. */
const GROUPED_CELLS_FROM = 1_000_000;

/** Numbers the cells of a job, each once. String cells are 1, 2, ...; the others count from their own base. */
class CellTable {
  readonly strings: string[] = [];
  readonly hashes = new Map<string, Group>();
  readonly sortedSets = new Map<string, Group>();
  readonly #stringNumbers = new Map<string, number>();
  /** Entries of history to keep, by the number of the cell. */
  readonly #histories = new Map<number, number>();
  #grouped = 0;

  number({ key, field, member }: Cell): number {
    if (field !== undefined) {
      return this.#numberIn(this.hashes, key, field);
    }
    return member !== undefined ? this.#numberIn(this.sortedSets, key, member) : this.#stringNumber(key);
  }

  /** Of several operations that change a cell, the longest history counts. */
  keepHistory(number: number, entries: number): void {
    this.#histories.set(number, Math.max(entries, this.#histories.get(number) ?? 0));
  }

  /** All cells with the entries of their histories, in the order in which the script reads them; none if none has one. */
  histories(): { cells: readonly Cell[]; entries: readonly History[] } {
    if (this.#histories.size === 0) {
      return { cells: [], entries: [] };
    }
    const cells: Cell[] = this.strings.map((key) => ({ key }));
    const numbers = this.strings.map((_key, index) => index + 1);
    for (const { key, names, cells: ofHash } of this.hashes.values()) {
      cells.push(...names.map((field) => ({ key, field })));
      numbers.push(...ofHash);
    }
    for (const { key, names, cells: ofSortedSet } of this.sortedSets.values()) {
      cells.push(...names.map((member) => ({ key, member })));
      numbers.push(...ofSortedSet);
    }
    return { cells, entries: numbers.map((number) => this.#histories.get(number) ?? false) };
  }

  #stringNumber(key: string): number {
    const known = this.#stringNumbers.get(key);
    if (known !== undefined) {
      return known;
    }
    const number = this.strings.push(key);
    this.#stringNumbers.set(key, number);
    return number;
  }

  #numberIn(groups: Map<string, Group>, key: string, name: string): number {
    let group = groups.get(key);
    if (group === undefined) {
      group = { key, cells: [], names: [], numbers: new Map() };
      groups.set(key, group);
    }
    const known = group.numbers.get(name);
    if (known !== undefined) {
      return known;
    }
    const number = GROUPED_CELLS_FROM + this.#grouped++;
    group.numbers.set(name, number);
    group.cells.push(number);
    group.names.push(name);
    return number;
  }
}
