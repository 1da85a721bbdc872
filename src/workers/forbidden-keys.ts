import type { CheckedUpdate } from '../operations/update.js';
import { TRANSACTION } from '../operations/transaction.js';
import { HoldCell } from '../redis/cell.js';
import type { Cell } from '../redis/cell.js';
import type { RedisClient } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { failedOutcome } from '../operations/outcome.js';
import type { JobGroup, JobUpdate } from './script-call.js';

/** Redis refuses a script call as a whole when its user may not read and write one of the keys. It runs this alike. */
const NOTHING = 'return 1';

/**
 * Finds the updates whose keys the worker's Redis user may not write.
 *
 * @returns the group with these refused; undefined when it is not because of such keys that Redis refused the call
 */
export async function refuseForbidden(
  redis: RedisClient,
  group: JobGroup,
  keys: Pick<Keys, 'hold'>,
): Promise<JobGroup | undefined> {
  const keyOf = (cell: Cell) => (cell instanceof HoldCell ? keys.hold(cell).key : cell.key);
  const all = new Set(group.updates.flatMap((update) => keysOf(update, keyOf)));
  const answers = await Promise.all([...all].map(async (key) => [key, await isForbidden(redis, key)] as const));
  const forbidden = new Set(answers.flatMap(([key, isSo]) => (isSo ? [key] : [])));
  if (forbidden.size === 0) {
    return undefined;
  }
  return group.map((update) => refuse(update, (cell) => forbidden.has(keyOf(cell))));
}

function keysOf(update: JobUpdate, keyOf: (cell: Cell) => string): string[] {
  return 'refusal' in update ? [] : update.steps.flatMap(({ cells }) => cells.map(keyOf));
}

async function isForbidden(redis: RedisClient, key: string): Promise<boolean> {
  try {
    await redis.eval(NOTHING, 1, key);
    return false;
  } catch (error) {
    if ((error as Error).message.startsWith('NOPERM')) {
      return true;
    }
    throw error;
  }
}

function refuse(update: JobUpdate, isForbiddenCell: (cell: Cell) => boolean): JobUpdate {
  if ('refusal' in update) {
    return update;
  }
  const { operation, steps, ...rest } = update satisfies CheckedUpdate;
  for (const [step, { cells }] of steps.entries()) {
    const cell = cells.findIndex(isForbiddenCell);
    if (cell !== -1) {
      const where = operation.name === TRANSACTION ? `${step + 1}:` : '';
      return { ...rest, refusal: failedOutcome(`${where}NOPERM`, cell + 1) };
    }
  }
  return update;
}
