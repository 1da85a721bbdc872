import { newJobId } from '../../src/jobs/job-id.js';
import type { Operation } from '../../src/operations/operation.js';
import { decodeOutcome, splitOutcomes } from '../../src/operations/outcome.js';
import type { Outcome } from '../../src/operations/outcome.js';
import { createRegistry } from '../../src/operations/registry.js';
import type { Registry } from '../../src/operations/registry.js';
import type { Update } from '../../src/operations/update.js';
import { checkUpdates } from '../../src/operations/update.js';
import { createKeys } from '../../src/redis/keys.js';
import type { Keys } from '../../src/redis/keys.js';
import { applyScript, ScriptRunner } from '../../src/redis/scripts.js';
import { buildScriptCall, groupBySlot } from '../../src/workers/script-call.js';
import type { Place } from './tally.js';

const DAY_MS = 24 * 3600 * 1000;

/** A lease that does not end while a test runs. */
export const LONG_LEASE_MS = Date.now() + DAY_MS;

export interface Attempt {
  /** @defaultValue a new one */
  jobId?: string;
  /** @defaultValue a day from now */
  leaseMs?: number;
  /** @defaultValue a day */
  idempotencyWindowMs?: number;
}

/** Applies jobs as a worker does, but without BullMQ: straight through the script. */
export interface Applier {
  readonly registry: Registry;
  readonly keys: Keys;
  /** Applies a job of one operation; its outcomes are in the order of the updates. */
  readonly apply: (updates: readonly Update[], attempt?: Attempt) => Promise<Outcome[]>;
  /** Applies a job of one update. */
  readonly applyOne: (update: Update, attempt?: Attempt) => Promise<Outcome>;
  /** Applies a job and returns the script's own answer. */
  readonly applyRaw: (updates: readonly Update[], attempt?: Attempt) => Promise<string>;
}

export function createApplier(
  { client, namespace, prefix }: Pick<Place, 'client' | 'namespace' | 'prefix'>,
  { operations = [] }: { operations?: readonly Operation[] } = {},
): Applier {
  const registry = createRegistry(operations);
  const keys = createKeys({ namespace, prefix });
  const script = applyScript(registry);
  const runner = new ScriptRunner(client, [script]);
  const check = (updates: readonly Update[]) => checkUpdates(updates, { registry, isReservedKey: keys.isReserved });
  const applyRaw = async (updates: readonly Update[], attempt: Attempt = {}): Promise<string> => {
    const { jobId = newJobId(), leaseMs = LONG_LEASE_MS, idempotencyWindowMs = DAY_MS } = attempt;
    const call = buildScriptCall(jobId, groupBySlot(check(updates))[0], { keys, leaseMs, idempotencyWindowMs });
    return (await runner.run(script, call.keys, call.args)) as string;
  };
  const apply = async (updates: readonly Update[], attempt?: Attempt): Promise<Outcome[]> => {
    const texts = splitOutcomes(await applyRaw(updates, attempt));
    return check(updates).map(({ operation, params }, index) => decodeOutcome(texts[index] ?? '', operation, params));
  };
  const applyOne = async (update: Update, attempt?: Attempt): Promise<Outcome> => {
    const [outcome] = await apply([update], attempt);
    if (outcome === undefined) {
      throw new Error('the script returned no outcome');
    }
    return outcome;
  };
  return { registry, keys, apply, applyOne, applyRaw };
}
