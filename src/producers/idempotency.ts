import type { RedisClient } from '../redis/connection.js';
import { fingerprint } from '../operations/update.js';
import type { CheckedUpdate } from '../operations/update.js';
import type { Keys, Slot } from '../redis/keys.js';

/** What an idempotency receipt says of an update that is sent again. */
export interface Recorded {
  /** The update that was the first with this key. */
  readonly updateId: string;
  /** The outcome in the script's form, as the script itself would answer: a duplicate or a conflict. */
  readonly outcome: string;
}

/** The script's answer for a key that belongs to another update. */
const CONFLICT = '~';

interface Keyed {
  readonly params: unknown;
  readonly idempotencyKey: string | undefined;
  readonly slot: Slot;
}

/**
 * Looks up updates by their idempotency keys, in one round trip, so that a known one needs no job. Only a short cut: what is not found here is decided by the script.
 *
 * @returns what is recorded, by the index of the update
 */
export async function findRecorded<Item extends Keyed>(
  redis: RedisClient,
  keys: Keys,
  updates: readonly Item[],
  operationOf: (update: Item) => string,
): Promise<Map<number, Recorded>> {
  const keyed = updates.flatMap((update, index) =>
    update.idempotencyKey === undefined
      ? []
      : [{ index, update, key: keys.idempotencyReceipt(update.idempotencyKey, update.slot) }],
  );
  if (keyed.length === 0) {
    return new Map();
  }
  const receipts = await readAll(
    redis,
    keyed.map(({ key }) => key),
  );
  return new Map(
    keyed.flatMap(({ index, update }, place) => {
      const recorded = readReceipt(receipts[place] ?? null, operationOf(update), update.params);
      return recorded === undefined ? [] : [[index, recorded]];
    }),
  );
}

/** In a Cluster, no command can read keys of several slots. */
function readAll(redis: RedisClient, receiptKeys: readonly string[]): Promise<(string | null)[]> {
  return redis.isCluster ? Promise.all(receiptKeys.map((key) => redis.get(key))) : redis.mget(...receiptKeys);
}

/** The indexes of the updates whose idempotency keys are recorded for other updates. */
export async function findConflicts(
  redis: RedisClient,
  keys: Keys,
  updates: readonly CheckedUpdate[],
): Promise<number[]> {
  const recorded = await findRecorded(redis, keys, updates, ({ operation }) => operation.name);
  return [...recorded].flatMap(([index, { outcome }]) => (outcome === CONFLICT ? [index] : []));
}

function readReceipt(receipt: string | null, operation: string, params: unknown): Recorded | undefined {
  const [, firstFingerprint, updateId, outcome] = /^(\S+) (\S+) (.*)$/s.exec(receipt ?? '') ?? [];
  if (updateId === undefined || outcome === undefined) {
    return undefined;
  }
  const same = firstFingerprint === fingerprint(operation, params);
  return { updateId, outcome: same ? `=${outcome}` : CONFLICT };
}
