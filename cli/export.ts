import { once } from 'node:events';
import { connectPromptly } from '../src/redis/connect.js';
import { readServedSlots } from '../src/redis/cluster-nodes.js';
import type { Connection } from '../src/redis/connection.js';
import { createKeys } from '../src/redis/keys.js';
import { untilMastersKnown } from '../src/redis/masters.js';
import type { CellValue } from '../src/readers/read-cell.js';
import { scanCells } from '../src/readers/scan-cells.js';
import { createContext, findRedis } from './context.js';

const TIMEOUT_MS = 30_000;

/** `tally export`: prints the cells of all keys of some patterns, a line each. */
export async function exportCells(patterns: readonly string[]): Promise<void> {
  const context = createContext(process.stderr);
  const { TALLY_NAMESPACE: namespace, TALLY_PREFIX: prefix } = context.config;
  const { isReserved } = createKeys({ namespace, prefix });
  const redis = connectPromptly(findRedis(context), 'tally-export', TIMEOUT_MS, context.logger);
  const left = { noIntegers: 0, noNames: 0 };
  let haveStayed: boolean;
  try {
    await untilMastersKnown(redis);
    const slotsStayed = await watchSlots(redis);
    for (const master of redis.masters()) {
      for (const pattern of patterns) {
        for await (const { cells, ...others } of scanCells({ master, redis }, pattern, isReserved)) {
          left.noIntegers += others.noIntegers;
          left.noNames += others.noNames;
          if (!process.stdout.write(cells.map(lineOf).join('')) && !(await isDrained())) {
            return;
          }
        }
      }
    }
    haveStayed = await slotsStayed();
  } finally {
    redis.disconnect();
  }
  if (left.noIntegers > 0) {
    console.error(`tally: ${left.noIntegers} values of these keys are no integers, and were left out`);
  }
  if (left.noNames > 0) {
    console.error(
      `tally: ${left.noNames} keys, fields and members are not named by 1 to 512 bytes of UTF-8, and were left out`,
    );
  }
  if (!haveStayed) {
    console.error(
      'tally: slots of the Cluster moved meanwhile: their keys may be missing, or be there twice; run this again when none moves',
    );
    process.exitCode = 1;
  }
}

/** @returns what tells whether all keys of a Cluster have stayed on their masters since */
async function watchSlots(redis: Connection): Promise<() => Promise<boolean>> {
  if (!redis.isCluster) {
    return () => Promise.resolve(true);
  }
  const before = await readServedSlots(redis.masters());
  return async () => {
    const { served, areMoving } = await readServedSlots(redis.masters());
    return served === before.served && !areMoving;
  };
}

/** Escapes what some readers take for the end of a line. */
function lineOf(cell: CellValue): string {
  return `${JSON.stringify(cell).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')}\n`;
}

/** @returns false when who read this, as in `tally export | head`, is gone */
function isDrained(): Promise<boolean> {
  return once(process.stdout, 'drain').then(
    () => true,
    () => false,
  );
}
