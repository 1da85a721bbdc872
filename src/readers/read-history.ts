import type { RedisClient } from '../redis/connection.js';
import type { Cell } from '../redis/cell.js';
import type { Keys } from '../redis/keys.js';
import type { Slot } from '../redis/slots.js';

/** What one job changed of a cell. */
export interface Change {
  /** When, by Redis' clock. */
  readonly atMs: number;
  readonly jobId: string;
  readonly operation: string;
  readonly before: number;
  /** null when it was removed. */
  readonly after: number | null;
}

/**
 * Reads the history of a cell, the latest change first.
 *
 * @param slot where it is kept
 * @returns the changes that are kept; none when nothing keeps a history of the cell
 */
export async function readHistory(redis: RedisClient, keys: Keys, cell: Cell, slot: Slot): Promise<Change[]> {
  const entries = await redis.lrange(keys.history(cell, slot), 0, -1).catch((error: unknown) => {
    if ((error as Error).message.startsWith('WRONGTYPE')) {
      return []; // put there by hand; the next change replaces it
    }
    throw error;
  });
  return entries.flatMap((entry) => parseEntry(entry) ?? []);
}

/** By how much the cell changed, exact also past 2^53; what is removed counts as 0. */
export function deltaOf({ before, after }: Change): bigint {
  return BigInt(after ?? 0) - BigInt(before);
}

/** Reads an entry in the script's form, described in `lua/apply.lua`. */
function parseEntry(entry: string): Change | undefined {
  const [, atMs, jobId, operation, before, after] = /^(\d+) (\S+) (\S+) (-?\d+) (-?\d+|-)$/.exec(entry) ?? [];
  if (jobId === undefined || operation === undefined) {
    return undefined;
  }
  return {
    atMs: Number(atMs),
    jobId,
    operation,
    before: Number(before),
    after: after === '-' ? null : Number(after),
  };
}
