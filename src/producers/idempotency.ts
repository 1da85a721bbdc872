import type { Redis } from 'ioredis';
import { fingerprint } from '../operations/update.js';
import type { Keys } from '../redis/keys.js';

/** What an idempotency receipt says of an update that is sent again. */
export interface Recorded {
  /** The update that was the first with this key. */
  readonly updateId: string;
  /** The outcome in the script's form, as the script itself would answer: a duplicate or a conflict. */
  readonly outcome: string;
}

interface Keyed {
  readonly params: unknown;
  readonly idempotencyKey: string | undefined;
}

/**
 * Looks up updates of one operation by their idempotency keys, in one round trip, so that a known one needs no job. Only a
 * short cut: what is not found here is decided by the script.
 *
 * @returns what is recorded, by the index of the update
 */
export async function findRecorded(
  redis: Redis,
  keys: Keys,
  operation: string,
  updates: readonly Keyed[],
): Promise<Map<number, Recorded>> {
  const keyed = updates.flatMap(({ idempotencyKey }, index) =>
    idempotencyKey === undefined ? [] : [{ index, key: keys.idempotencyReceipt(idempotencyKey) }],
  );
  if (keyed.length === 0) {
    return new Map();
  }
  const receipts = await redis.mget(keyed.map(({ key }) => key));
  return new Map(
    keyed.flatMap(({ index }, place) => {
      const recorded = readReceipt(receipts[place] ?? null, operation, updates[index]?.params);
      return recorded === undefined ? [] : [[index, recorded]];
    }),
  );
}

function readReceipt(receipt: string | null, operation: string, params: unknown): Recorded | undefined {
  const [, firstFingerprint, updateId, outcome] = /^(\S+) (\S+) (.*)$/s.exec(receipt ?? '') ?? [];
  if (updateId === undefined || outcome === undefined) {
    return undefined;
  }
  const same = firstFingerprint === fingerprint(operation, params);
  return { updateId, outcome: same ? `=${outcome}` : '~' };
}
