import type { RedisClient } from '../redis/connection.js';
import type { Cell } from '../operations/cell.js';
import type { Keys, Slot } from '../redis/keys.js';

/** What one job changed of a cell. */
export interface Change {
  /** When, by Redis' clock. */
  readonly atMs: number;
  readonly jobId: string;
  readonly operation: string;
  readonly before: number;
  readonly after: number;
}

/**
 * Reads the history of a cell, the latest change first.
 *
 * @param slots where it is kept: by jobs of queues that are not split anywhere, by those of partitions in the slot of the
 * cell. One server may have had both.
 * @returns the changes that are kept; none when nothing keeps a history of the cell
 */
export async function readHistory(
  redis: RedisClient,
  keys: Keys,
  cell: Cell,
  slots: readonly Slot[] = [undefined],
): Promise<Change[]> {
  const histories = await Promise.all(slots.map((slot) => readList(redis, keys.history(cell, slot))));
  return histories.reduce(merge, []);
}

async function readList(redis: RedisClient, key: string): Promise<Change[]> {
  const entries = await redis.lrange(key, 0, -1).catch((error: unknown) => {
    if ((error as Error).message.startsWith('WRONGTYPE')) {
      return []; // put there by hand; the next change replaces it
    }
    throw error;
  });
  return entries.flatMap((entry) => parseEntry(entry) ?? []);
}

/** By time, while each history stays in the order in which the script wrote it. */
function merge(one: readonly Change[], other: readonly Change[]): Change[] {
  const merged: Change[] = [];
  const [left, right] = [[...one], [...other]];
  while (left[0] !== undefined && right[0] !== undefined) {
    merged.push(...(left[0].atMs >= right[0].atMs ? left : right).splice(0, 1));
  }
  return [...merged, ...left, ...right];
}

/** By how much the cell changed, exact also past 2^53. */
export function deltaOf({ before, after }: Change): bigint {
  return BigInt(after) - BigInt(before);
}

/** Reads an entry in the script's form, described in `lua/apply.lua`. */
function parseEntry(entry: string): Change | undefined {
  const [, atMs, jobId, operation, before, after] = /^(\d+) (\S+) (\S+) (-?\d+) (-?\d+)$/.exec(entry) ?? [];
  if (jobId === undefined || operation === undefined) {
    return undefined;
  }
  return { atMs: Number(atMs), jobId, operation, before: Number(before), after: Number(after) };
}
