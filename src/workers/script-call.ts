import type { Cell } from '../operations/cell.js';
import type { Argument, History, Step } from '../operations/operation.js';
import { TRANSACTION } from '../operations/transaction.js';
import type { CheckedUpdate } from '../operations/update.js';
import { fingerprint } from '../operations/update.js';
import { updateId } from '../jobs/job-id.js';
import type { Keys, Slot } from '../redis/keys.js';

/** Life of a cell's history after its latest entry. */
export const HISTORY_LIFE_MS = 30 * 24 * 3600 * 1000;

/** Life of a job's receipt until the job is settled. A job that runs again after it is refused. */
export const UNSETTLED_RECEIPT_MS = 30 * 24 * 3600 * 1000;

export interface ScriptCall {
  readonly keys: readonly string[];
  readonly args: readonly [leaseMs: number, request: string];
}

/** Updates of a job that one script call applies: those in one slot, or all where receipts don't lie in slots. */
export interface SlotGroup {
  readonly slot: Slot;
  readonly updates: readonly CheckedUpdate[];
  /** The place of each in the job; undefined when these are all. */
  readonly indexes: readonly number[] | undefined;
}

export type SlotGroups = readonly [SlotGroup, ...SlotGroup[]];

/** The updates of a job by their slots, in the order in which the slots first come. */
export function groupBySlot(updates: readonly CheckedUpdate[]): SlotGroups {
  const slot = updates[0]?.slot;
  if (updates.every((update) => update.slot === slot)) {
    return [{ slot, updates, indexes: undefined }];
  }
  const groups = new Map<Slot, { slot: Slot; updates: CheckedUpdate[]; indexes: number[] }>();
  for (const [index, update] of updates.entries()) {
    const group = groups.get(update.slot) ?? { slot: update.slot, updates: [], indexes: [] };
    groups.set(update.slot, group);
    group.updates.push(update);
    group.indexes.push(index);
  }
  return [...groups.values()] as unknown as SlotGroups;
}

/** Builds the KEYS and ARGV that `lua/frame.lua` describes. */
export function buildScriptCall(
  jobId: string,
  { slot, updates, indexes }: SlotGroup,
  { keys, leaseMs, idempotencyWindowMs }: { keys: Keys; leaseMs: number; idempotencyWindowMs: number },
): ScriptCall {
  const operation = updates[0]?.operation.name ?? '';
  const steps = new StepList();
  for (const update of updates) {
    for (const step of update.steps) {
      steps.add(step);
    }
  }
  const scriptKeys = [keys.jobReceipt(jobId, slot), ...steps.cells.strings];
  const encodeGroups = (groups: Map<string, Group>) =>
    [...groups.values()].map(({ key, cells, names }) => [scriptKeys.push(key), cells, names]);
  const hashes = encodeGroups(steps.cells.hashes);
  const sortedSets = encodeGroups(steps.cells.sortedSets);
  const keyed = updates.flatMap(({ idempotencyKey, params }, place) => {
    if (idempotencyKey === undefined) {
      return [];
    }
    const position = scriptKeys.push(keys.idempotencyReceipt(idempotencyKey, slot));
    return [[place + 1, position, fingerprint(operation, params), updateId(jobId, indexes?.[place] ?? place)]];
  });
  const histories = steps.cells.histories();
  const firstHistory = scriptKeys.length + 1;
  scriptKeys.push(...histories.cells.map((cell) => keys.history(cell, slot)));
  const request = {
    strings: steps.cells.strings.length,
    ...(hashes.length > 0 && { hashes }),
    ...(sortedSets.length > 0 && { sortedSets }),
    updates: updates.length,
    ...(indexes !== undefined && { part: true }),
    ...(operation === TRANSACTION && { steps: updates.map(({ steps: ofUpdate }) => ofUpdate.length) }),
    cells: steps.cellNumbers,
    args: steps.args,
    columns: steps.columns.map((column) => column.encode()),
    ...(keyed.length > 0 && { keyed, windowMs: idempotencyWindowMs }),
    receiptSeconds: UNSETTLED_RECEIPT_MS / 1000,
    ...(histories.cells.length > 0 && {
      history: {
        firstKey: firstHistory,
        entries: sameOrList(histories.entries),
        lifeSeconds: HISTORY_LIFE_MS / 1000,
        source: `${jobId} ${operation}`,
      },
    }),
  };
  return { keys: scriptKeys, args: [leaseMs, JSON.stringify(request)] };
}

/** The steps of a job, laid out as the script reads them. One pass over them: a busy worker does little else. */
class StepList {
  readonly cells = new CellTable();
  readonly cellNumbers: number[] = [];
  readonly args: Argument[] = [];
  readonly columns = [
    new Column<string>(),
    new Column<number>(),
    new Column<number>(),
    new Column<number | false>(),
  ] as const;

  add({ operation, cells, args, ttlSeconds, history }: Step): void {
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
    const [operations, cellCounts, argumentCounts, lives] = this.columns;
    operations.add(operation);
    cellCounts.add(cells.length);
    argumentCounts.add(args.length);
    lives.add(ttlSeconds ?? false);
  }
}

/** A value for each step; what is the same for all is said once. */
class Column<Value> {
  readonly #values: Value[] = [];
  #same = true;

  add(value: Value): void {
    this.#values.push(value);
    this.#same = this.#same && value === this.#values[0];
  }

  encode(): Value | undefined | readonly Value[] {
    return this.#same ? this.#values[0] : this.#values;
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
