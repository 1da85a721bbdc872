import { createProducer } from '../src/index.js';
import type { FoundUpdate, Producer } from '../src/index.js';
import { ConfigurationError, TallyError } from '../src/errors.js';
import { connectionOptions, createContext, findRedis, producerOptions } from './context.js';
import { noUpdate } from '../src/jobs/job-id.js';
import { printOutcome } from './print-submission.js';
import type { ShownOutcome, ShownUpdate } from './print-submission.js';
import { parseOwner } from './submit.js';

export interface FindFlags {
  readonly operation?: string;
  readonly idempotencyKey?: string;
  readonly owner?: string;
  readonly key?: string;
  /** Those of the user's own, which every command takes. */
  readonly operations?: string;
  readonly json?: true;
}

type Question = Omit<FindFlags, 'json' | 'operations'>;

/** `tally find`: prints what became of an update, by its id or by its idempotency key. */
export async function find(id: string | undefined, { json, operations: _, ...flags }: FindFlags): Promise<void> {
  const look = id === undefined ? byKey(flags) : byId(id, flags);
  const context = createContext(process.stderr);
  const producer = createProducer({ ...connectionOptions(context, findRedis(context)), ...producerOptions(context) });
  try {
    const { update, outcome } = await look(producer);
    printOutcome(update, outcome, json === true);
  } finally {
    await producer.close();
  }
}

interface Found {
  readonly update: ShownUpdate;
  /** Only its status when its job is kept no more; absent while it waits or runs. */
  readonly outcome: ShownOutcome | undefined;
}

type Look = (producer: Pick<Producer, 'find' | 'wasForgotten' | 'findByKey'>) => Promise<Found>;

function byId(id: string, flags: Question): Look {
  if (Object.keys(flags).length > 0) {
    throw new ConfigurationError('give the id of an update, or --operation and --idempotency-key, not both');
  }
  return async (producer) => {
    const found = await producer.find(id);
    if (found !== undefined) {
      return shown(found);
    }
    throw (await producer.wasForgotten(id))
      ? new TallyError('OUTCOME_FORGOTTEN', `${id} is from a time of which no outcomes are kept any more`)
      : new TallyError('UPDATE_NOT_FOUND', noUpdate(id));
  };
}

function byKey({ operation, idempotencyKey, owner, key }: Question): Look {
  if (operation === undefined || idempotencyKey === undefined) {
    throw new ConfigurationError('give the id of an update, or --operation and --idempotency-key');
  }
  const idempotencyOwner = parseOwner(owner);
  return async (producer) => {
    const recorded = await producer.findByKey({
      operation,
      idempotencyKey,
      ...(idempotencyOwner !== undefined && { idempotencyOwner }),
      ...(key !== undefined && { key }),
    });
    if (recorded === undefined) {
      const message = 'it was not used, its update waits or failed, or it is forgotten by now';
      throw new TallyError('UPDATE_NOT_FOUND', `nothing is recorded under "${idempotencyKey}": ${message}`);
    }
    const { id, operation: ofKey, status, found } = recorded;
    return found === undefined ? { update: { id, operation: ofKey }, outcome: { status } } : shown(found);
  };
}

function shown({ id, operation, attempts, jobId, outcome }: FoundUpdate): Found {
  return { update: { id, operation, attempts, jobId }, outcome };
}
