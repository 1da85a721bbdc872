import { TallyError } from '../errors.js';
import { decodeFailure, decodeRecord } from '../jobs/form.js';
import { updateId } from '../jobs/job-id.js';
import { jobIdOfTold, TOLD_FORM } from '../jobs/told.js';
import type { ToldEntry } from '../jobs/told.js';
import { parseWithFastPath } from '../lib/schema-fast-path.js';
import { decodeOutcome, failedOutcome, isUndone, kindOf, readReason } from '../operations/outcome.js';
import type { Outcome } from '../operations/outcome.js';
import { TRANSACTION } from '../operations/transaction.js';
import type { Registry } from '../operations/registry.js';
import type { Keys } from '../redis/keys.js';
import { CellChanges } from './cell-changes.js';
import type { CellChange, OutcomeEvent } from './event.js';
import { outcomeEvent } from './outcome-event.js';
import type { Told } from './scope.js';

interface DecoderDeps {
  readonly registry: Registry;
  readonly keys: Pick<Keys, 'isReserved'>;
  readonly namespace: string;
}

/** An event, and the place of its update in the entry: in the job it may be another, of which a master of a Cluster tells a part. */
interface EventAt extends Told {
  readonly index: number;
}

/** An outcome of no update in particular. */
const NOT_APPLIED = failedOutcome('', '');

/** The data of a job, as far as they are what they should be. */
interface JobData {
  readonly updates?: readonly unknown[];
  readonly idempotencyKeys?: Readonly<Record<string, string | readonly [owner: string, key: string]>>;
}

/** Makes events of the entries in the stream of outcomes. */
export class EntryDecoder {
  constructor(private readonly deps: DecoderDeps) {}

  /**
   * The events of an entry, in the order of its updates. Those that were answered from their keys, or are put back as jobs of
   * their own, have none.
   *
   * @throws TallyError `NEWER_FORM` for an entry of a newer version: it is not read as something else
   */
  eventsOf(entry: ToldEntry): EventAt[] {
    const { form, fields } = entry;
    if (form > TOLD_FORM || isNewer(fields['r'])) {
      throw new TallyError('NEWER_FORM', 'a newer version of Tally tells these outcomes: update this program');
    }
    const failure = fields['f'];
    try {
      return failure === undefined ? this.#decided(entry) : this.#failed(entry, failure);
    } catch {
      return []; // it looks like one of Tally's, and is none: nobody shall be kept from the rest
    }
  }

  #decided(entry: ToldEntry): EventAt[] {
    const { outcomes } = decodeRecord(entry.fields['r']) ?? { outcomes: [] };
    const changes = CellChanges.of(entry.fields, this.deps.keys.isReserved);
    const data = dataOf(entry);
    const places = entry.fields['i']?.split(',').map(Number);
    return outcomes.flatMap((outcome, index) => {
      const cells = changes.next(outcome);
      if (kindOf(outcome) === 'duplicate' || isUndone(outcome)) {
        return [];
      }
      const key = data.idempotencyKeys?.[index];
      const decoded = this.#outcome(entry.operation, data, index, outcome);
      const event = this.#event(entry, places?.[index] ?? index, decoded, cells, key);
      return [{ index, event, steps: stepsOf(entry.operation, data.updates?.[index]) }];
    });
  }

  #failed(entry: ToldEntry, failure: string): EventAt[] {
    const outcome = decodeFailure(failure);
    const { i, t } = entry.fields;
    const changes = CellChanges.of(entry.fields, this.deps.keys.isReserved);
    const data = dataOf(entry);
    const all = Array.from({ length: entry.updates }, (_, index) => ({ index, cells: changes.next(NOT_APPLIED) }));
    const told = i === undefined ? undefined : new Set(i.split(',').map(Number));
    return all
      .filter(({ index }) => told?.has(index) ?? true)
      .map(({ index, cells }) => ({
        index,
        event: this.#event(entry, index, { ...outcome, attempt: Number(t) }, cells, data.idempotencyKeys?.[index]),
        steps: stepsOf(entry.operation, data.updates?.[index]),
      }));
  }

  /** In words, where the operation and its params are known here; else what the script itself said. */
  #outcome(operationName: string, { updates = [] }: JobData, index: number, text: string): Outcome {
    const operation = this.deps.registry.find(operationName);
    const parsed = operation && parseWithFastPath(operation.params, operation.accept, updates[index]);
    try {
      if (operation !== undefined && parsed?.success === true) {
        return decodeOutcome(text, operation, parsed.data);
      }
    } catch {
      // The operation is another one here than where it was applied.
    }
    const status = kindOf(text);
    return status === 'applied' || status === 'duplicate'
      ? { status: 'applied', result: undefined }
      : { status, ...readReason(text) };
  }

  #event(
    { id, operation, atMs }: ToldEntry,
    index: number,
    outcome: Outcome & { readonly attempt?: number },
    cells: readonly CellChange[],
    key: string | readonly [owner: string, key: string] | undefined,
  ): OutcomeEvent {
    return outcomeEvent({
      namespace: this.deps.namespace,
      id: updateId(id, index),
      jobId: jobIdOfTold(id),
      operation,
      outcome,
      cells,
      idempotencyKey: typeof key === 'string' ? key : key?.[1],
      atMs,
    });
  }
}

/** The operations of which a transaction is made, none of other updates; undefined where that can't be told. */
function stepsOf(operation: string, params: unknown): Told['steps'] {
  if (operation !== TRANSACTION) {
    return [];
  }
  const { updates } = (params ?? {}) as { readonly updates?: unknown };
  const names = Array.isArray(updates) ? updates.map((step: { operation?: unknown } | null) => step?.operation) : [];
  return names.length > 0 && names.every((name) => typeof name === 'string') ? names : undefined;
}

function isNewer(record: string | undefined): boolean {
  return record !== undefined && decodeRecord(record) === undefined;
}

/** Somebody else may have added the job, with whatever data. */
function dataOf({ fields }: ToldEntry): JobData {
  try {
    const data = JSON.parse(fields['d'] ?? '') as JobData | null;
    return typeof data === 'object' && data !== null && Array.isArray(data.updates) ? data : {};
  } catch {
    return {};
  }
}
