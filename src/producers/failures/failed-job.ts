import { jobKey } from '../../bullmq/queue-keys.js';
import { parseStored, readStoredJob } from '../../bullmq/stored-job.js';
import { decodeFailure } from '../../jobs/form.js';
import type { JobFailure } from '../../jobs/form.js';
import { stateOf, STATE_FIELDS } from '../../jobs/job-end.js';
import type { Partition } from '../../layout/partitions.js';
import type { Store } from '../../layout/store.js';
import type { Registry } from '../../operations/registry.js';
import { HoldCell } from '../../redis/cell.js';

/** Where failed jobs lie. */
export interface FailurePlace {
  readonly queue: string;
  readonly partition: Partition;
}

/** The name of a job, and when it ended: in ms, by Redis' clock once a worker of Tally's has seen to it. */
export interface EndedJobId {
  readonly jobId: string;
  readonly endedAtMs: number;
  /** `completed`: by another program, which is as good as failed. */
  readonly state: 'failed' | 'completed';
}

/** A job whose updates were not applied, or of which that is not known. */
export interface FailedJob extends FailurePlace, EndedJobId, JobFailure {
  readonly operation: string;
  /** The params of its updates, as they are stored: someone may have edited the job. */
  readonly updates: readonly unknown[];
  /** The keys that they name; none where that can't be told. */
  readonly keys: readonly string[];
}

/** @returns undefined for one that is gone, or has not failed after all */
export async function readFailedJob(
  { redis }: Pick<Store, 'redis'>,
  registry: Registry,
  place: FailurePlace,
  ended: EndedJobId,
): Promise<FailedJob | undefined> {
  const { queue, partition } = place;
  const key = jobKey({ prefix: partition.prefix, queue }, ended.jobId);
  const stored = await readStoredJob(redis, key, ['name', 'data', ...STATE_FIELDS]);
  const { name: operation, data } = stored;
  const state = stateOf(stored, undefined);
  if (!operation || typeof state === 'string' || !('failedReason' in state)) {
    return undefined;
  }
  const outcome = decodeFailure(state.failedReason);
  if (outcome.status === 'applied') {
    return undefined;
  }
  const { reason, message } = outcome;
  const status = outcome.status === 'failed' ? 'failed' : 'unknown';
  const updates = updatesOf(parseStored(data));
  return { ...place, ...ended, status, reason, message, operation, updates, keys: keysOf(registry, operation, updates) };
}

function updatesOf(data: unknown): readonly unknown[] {
  const { updates } = (typeof data === 'object' && data !== null ? data : {}) as { updates?: unknown };
  return Array.isArray(updates) ? (updates as unknown[]) : [];
}

function keysOf(registry: Registry, name: string, updates: readonly unknown[]): readonly string[] {
  const operation = registry.find(name);
  const keys = new Set<string>();
  for (const params of updates) {
    try {
      for (const { cells } of operation?.steps(params) ?? []) {
        for (const cell of cells) {
          if (!(cell instanceof HoldCell) && typeof cell.key === 'string') {
            keys.add(cell.key);
          }
        }
      }
    } catch {
      // Edited so that nobody can tell.
    }
  }
  return [...keys];
}

/** How many updates a job counts for: one whose data nobody can read is one. */
export function updatesIn({ updates }: Pick<FailedJob, 'updates'>): number {
  return Math.max(1, updates.length);
}
