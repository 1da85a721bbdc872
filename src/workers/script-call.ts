import type { Step } from '../operations/operation.js';
import { cellId } from '../operations/cell.js';
import type { Cell } from '../operations/cell.js';
import { TRANSACTION } from '../operations/transaction.js';
import type { CheckedUpdate } from '../operations/update.js';
import { fingerprint } from '../operations/update.js';
import { updateId } from '../jobs/job-id.js';
import type { Keys } from '../redis/keys.js';

/** Life of a job's receipt until the job is settled: longer than any job stays in a queue or failed. */
const UNSETTLED_RECEIPT_SECONDS = 30 * 24 * 3600;

export interface ScriptCall {
  readonly keys: readonly string[];
  readonly args: readonly [leaseMs: number, request: string];
}

/** A hash or sorted set with the cells of it that a job touches. */
interface Group {
  readonly key: string;
  readonly cells: number[];
  readonly names: string[];
}

/** Numbers the cells of a job, each once. String cells are 1, 2, ...; the others count from their own base. */
class CellTable {
  readonly #numbers = new Map<string, number>();
  readonly strings: string[] = [];
  readonly hashes = new Map<string, Group>();
  readonly sortedSets = new Map<string, Group>();
  #grouped = 0;

  number(cell: Cell): number {
    const id = cellId(cell);
    const known = this.#numbers.get(id);
    if (known !== undefined) {
      return known;
    }
    const number = this.#add(cell);
    this.#numbers.set(id, number);
    return number;
  }

  #add({ key, field, member }: Cell): number {
    if (field !== undefined) {
      return this.#addTo(this.hashes, key, field);
    }
    return member !== undefined ? this.#addTo(this.sortedSets, key, member) : this.strings.push(key);
  }

  #addTo(groups: Map<string, Group>, key: string, name: string): number {
    const number = GROUPED_CELLS_FROM + this.#grouped++;
    const group = groups.get(key) ?? { key, cells: [], names: [] };
    group.cells.push(number);
    group.names.push(name);
    groups.set(key, group);
    return number;
  }
}

/** Above any number of string cells in one job. */
const GROUPED_CELLS_FROM = 1_000_000;

/** Builds the KEYS and ARGV that `lua/frame.lua` describes. */
export function buildScriptCall(
  jobId: string,
  updates: readonly CheckedUpdate[],
  { keys, leaseMs, idempotencyWindowMs }: { keys: Keys; leaseMs: number; idempotencyWindowMs: number },
): ScriptCall {
  const cells = new CellTable();
  const operation = updates[0]?.operation.name ?? '';
  const steps = updates.flatMap((update) => update.steps);
  const cellNumbers = steps.flatMap((step) => step.cells.map((cell) => cells.number(cell)));
  const scriptKeys = [keys.jobReceipt(jobId), ...cells.strings];
  const encodeGroups = (groups: Map<string, Group>) =>
    [...groups.values()].map(({ key, cells, names }) => [scriptKeys.push(key), cells, names]);
  const request = {
    operation,
    strings: cells.strings.length,
    hashes: encodeGroups(cells.hashes),
    sortedSets: encodeGroups(cells.sortedSets),
    updates: updates.length,
    stepsPerUpdate: operation === TRANSACTION ? updates.map((update) => update.steps.length) : 1,
    cells: cellNumbers,
    args: steps.flatMap((step) => step.args),
    columns: [
      column(steps, (step) => step.operation),
      column(steps, (step) => step.cells.length),
      column(steps, (step) => step.args.length),
      column(steps, (step) => step.ttlSeconds ?? false),
    ],
    keyed: updates.flatMap(({ idempotencyKey, params }, index) => {
      if (idempotencyKey === undefined) {
        return [];
      }
      const position = scriptKeys.push(keys.idempotencyReceipt(idempotencyKey));
      return [[index + 1, position, fingerprint(operation, params), updateId(jobId, index)]];
    }),
    windowMs: idempotencyWindowMs,
    receiptSeconds: UNSETTLED_RECEIPT_SECONDS,
  };
  return { keys: scriptKeys, args: [leaseMs, JSON.stringify(request)] };
}

/** What is the same for all steps is said once. */
function column<Value>(steps: readonly Step[], valueOf: (step: Step) => Value): Value | Value[] {
  const values = steps.map(valueOf);
  const [first] = values;
  return first !== undefined && values.every((value) => value === first) ? first : values;
}
