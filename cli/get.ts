import { ConfigurationError } from '../src/errors.js';
import { describeCell } from '../src/redis/cell.js';
import { connectPromptly } from '../src/redis/connection.js';
import { readCell } from '../src/readers/read-cell.js';
import { createContext, findRedis } from './context.js';

const TIMEOUT_MS = 5_000;

export interface GetFlags {
  readonly field?: string;
  readonly member?: string;
  readonly json?: true;
}

/** `tally get`: prints one value. */
export async function get(key: string, flags: GetFlags): Promise<void> {
  if (flags.field !== undefined && flags.member !== undefined) {
    throw new ConfigurationError('give --field (a hash) or --member (a sorted set), not both');
  }
  const context = createContext(process.stderr);
  const redis = connectPromptly(findRedis(context), 'tally-get', TIMEOUT_MS, context.logger);
  const cell = { key, field: flags.field, member: flags.member };
  try {
    const found = await readCell(redis, cell);
    if (found === undefined) {
      console.error(`tally: ${describeCell(cell)} does not exist`);
      process.exitCode = 1;
      return;
    }
    console.log(flags.json ? JSON.stringify(found) : String(found.value));
  } finally {
    redis.disconnect();
  }
}
