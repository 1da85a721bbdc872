import { once } from 'node:events';
import { connectPromptly } from '../src/redis/connect.js';
import { createKeys } from '../src/redis/keys.js';
import { untilMastersKnown } from '../src/redis/masters.js';
import { scanCells } from '../src/readers/scan-cells.js';
import { createContext, findRedis } from './context.js';

const TIMEOUT_MS = 30_000;

/** `tally export`: prints the cells of all keys of some patterns, a line each. */
export async function exportCells(patterns: readonly string[]): Promise<void> {
  const context = createContext(process.stderr);
  const { TALLY_NAMESPACE: namespace, TALLY_PREFIX: prefix } = context.config;
  const { isReserved } = createKeys({ namespace, prefix });
  const redis = connectPromptly(findRedis(context), 'tally-export', TIMEOUT_MS, context.logger);
  let others = 0;
  try {
    await untilMastersKnown(redis);
    for (const master of redis.masters()) {
      for (const pattern of patterns) {
        for await (const { cells, left } of scanCells(master, pattern, isReserved)) {
          others += left;
          const text = cells.map((cell) => `${JSON.stringify(cell)}\n`).join('');
          if (!process.stdout.write(text) && !(await isDrained())) {
            return;
          }
        }
      }
    }
  } finally {
    redis.disconnect();
  }
  if (others > 0) {
    console.error(`tally: ${others} values of these keys are no integers, and were left out`);
  }
}

/** @returns false when who read this, as in `tally export | head`, is gone */
function isDrained(): Promise<boolean> {
  return once(process.stdout, 'drain').then(
    () => true,
    () => false,
  );
}
