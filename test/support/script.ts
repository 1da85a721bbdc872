import { createHash } from 'node:crypto';
import { decodeRecord, FORM } from '../../src/jobs/form.js';
import { newJobId } from '../../src/layout/new-job-id.js';
import type { Operation } from '../../src/operations/operation.js';
import { decodeOutcome } from '../../src/operations/outcome.js';
import type { Outcome } from '../../src/operations/outcome.js';
import { createRegistry } from '../../src/operations/registry.js';
import type { Registry } from '../../src/operations/registry.js';
import type { Update } from '../../src/operations/update.js';
import { checkUpdates } from '../../src/operations/update.js';
import { createKeys } from '../../src/redis/keys.js';
import type { JobName, Keys } from '../../src/redis/keys.js';
import { ScriptRunner } from '../../src/redis/scripts.js';
import { applyScript } from '../../src/operations/apply-script.js';
import type { Script } from '../../src/redis/scripts.js';
import { WholeReceipts } from '../../src/layout/whole-receipts.js';
import { buildScriptCall } from '../../src/workers/script-call.js';
import type { ToldCall } from '../../src/workers/script-call.js';
import { NO_SLOT } from '../../src/redis/slots.js';
import type { Place } from './tally.js';

const DAY_MS = 24 * 3600 * 1000;

/** A lease that does not end while a test runs. */
export const LONG_LEASE_MS = Date.now() + DAY_MS;

/** In the form of a digest; the script takes it as it is. */
export const DIGEST = 'Digest-0';

export interface Attempt {
  /** @defaultValue a new one */
  jobId?: string;
  /** @defaultValue a day from now */
  leaseMs?: number;
  /** The latest time that the worker knew to be announced. @defaultValue none */
  clockMs?: number;
  /** What the lease was reckoned with. @defaultValue a day */
  lockDurationMs?: number;
  /** When the job was sent; null for one that does not say. @defaultValue now */
  sentAtMs?: number | null;
  /** null for a job that does not say. @defaultValue a day */
  idempotencyWindowMs?: number | null;
  /** How long the worker was told to remember keys at least. @defaultValue not told */
  leastWindowMs?: number;
  /** Whether an earlier attempt may have applied it. @defaultValue false */
  ranBefore?: boolean;
  /** Another name that its receipt may have, if it ran before. @defaultValue that of a job that somebody else added */
  otherName?: JobName;
  /** Version of the job's form. @defaultValue this version's */
  form?: number;
  /** Whether its outcomes are told. @defaultValue false */
  told?: boolean;
}

/** Applies jobs as a worker does, but without BullMQ: straight through the script. */
export interface Applier {
  readonly registry: Registry;
  readonly keys: Keys;
  /** Applies a job of one operation; its outcomes are in the order of the updates. */
  readonly apply: (updates: readonly Update[], attempt?: Attempt) => Promise<Outcome[]>;
  /** Applies a job of one update. */
  readonly applyOne: (update: Update, attempt?: Attempt) => Promise<Outcome>;
  /** Applies a job and returns the script's own answer, the record. */
  readonly applyRaw: (updates: readonly Update[], attempt?: Attempt) => Promise<string>;
  /** The key of a job's receipt. */
  readonly jobReceipt: (jobId: string) => string;
  /** The key of the receipt of an idempotency key. @param operation counter.increment by default */
  readonly keyReceipt: (key: string, operation?: string) => string;
}

interface ApplierOptions {
  readonly operations?: readonly Operation[];
  readonly idempotencyOwner?: string;
  /** Changes the text of the script, e.g. to hide what older servers do not have. */
  readonly edit?: ((text: string) => string) | undefined;
}

function edited(script: Script, edit: (text: string) => string = (text) => text): Script {
  const text = edit(script.text);
  return { ...script, text, sha: createHash('sha1').update(text).digest('hex') };
}

/** What is told of a job beside what the script knows. */
function toTell(jobId: string, updates: readonly Update[]): Pick<ToldCall, 'source' | 'data'> {
  const keyed = updates.flatMap(({ idempotencyKey }, index) =>
    idempotencyKey === undefined ? [] : [[index, idempotencyKey]],
  );
  const data = {
    v: FORM,
    updates: updates.map(({ params }) => params),
    idempotencyKeys: Object.fromEntries(keyed) as object,
  };
  return { source: `${jobId} ${updates[0]?.operation ?? ''}`, data: JSON.stringify(data) };
}

export function createApplier(
  { client, namespace, prefix }: Pick<Place, 'client' | 'namespace' | 'prefix'>,
  { operations = [], idempotencyOwner = '', edit }: ApplierOptions = {},
): Applier {
  const registry = createRegistry(operations);
  const keys = createKeys({ namespace, prefix });
  const script = edited(applyScript(registry), edit);
  const runner = new ScriptRunner(client, [script]);
  const context = { registry, isReservedKey: keys.isReserved, slotOf: () => NO_SLOT, idempotencyOwner };
  const check = (updates: readonly Update[]) => checkUpdates(updates, context);
  const nameOf = (jobId: string): JobName => ({ prefix, queue: 'updates', jobId });
  const applyRaw = async (updates: readonly Update[], attempt: Attempt = {}): Promise<string> => {
    const {
      jobId = newJobId(NO_SLOT),
      leaseMs = LONG_LEASE_MS,
      lockDurationMs = DAY_MS,
      ranBefore = false,
      form = FORM,
      told = false,
    } = attempt;
    const { sentAtMs = Date.now(), idempotencyWindowMs: windowMs = DAY_MS, leastWindowMs, clockMs } = attempt;
    const { otherName = { ...nameOf(jobId), addedAtMs: 1 } } = attempt;
    const call = buildScriptCall(new WholeReceipts().groups(check(updates))[0], {
      name: nameOf(jobId),
      otherName,
      form,
      digest: DIGEST,
      ranBefore,
      leaseMs,
      lockDurationMs,
      leastWindowMs,
      clockMs,
      told: told ? { stream: keys.outcomes, ...toTell(jobId, updates) } : undefined,
      keys,
      stamp: { ...(sentAtMs !== null && { sentAtMs }), ...(windowMs !== null && { windowMs }) },
    });
    return (await runner.run(script, call.keys, call.args)) as string;
  };
  const apply = async (updates: readonly Update[], attempt?: Attempt): Promise<Outcome[]> => {
    const { outcomes } = decodeRecord(await applyRaw(updates, attempt)) ?? { outcomes: [] };
    return check(updates).map(({ operation, params }, index) =>
      decodeOutcome(outcomes[index] ?? '', operation, params),
    );
  };
  const applyOne = async (update: Update, attempt?: Attempt): Promise<Outcome> => {
    const [outcome] = await apply([update], attempt);
    if (outcome === undefined) {
      throw new Error('the script returned no outcome');
    }
    return outcome;
  };
  return {
    registry,
    keys,
    apply,
    applyOne,
    applyRaw,
    jobReceipt: (jobId) => keys.jobReceipt(nameOf(jobId), NO_SLOT),
    keyReceipt: (key, operation = 'counter.increment') =>
      keys.idempotencyReceipt({ owner: idempotencyOwner, operation, key }, NO_SLOT),
  };
}
