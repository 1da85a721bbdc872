import { ConfigurationError } from '../src/errors.js';
import { describeCell } from '../src/redis/cell.js';
import { askRedis } from '../src/redis/ask-redis.js';
import { connectPromptly } from '../src/redis/connect.js';
import type { CellReading } from '../src/readers/read-cells.js';
import { readCell } from '../src/readers/read-cell.js';
import { createContext, findRedis } from './context.js';
import { withReader } from './with-reader.js';

const TIMEOUT_MS = 5_000;

export interface GetFlags {
  readonly field?: string;
  readonly member?: string;
  readonly json?: true;
}

/** `tally get`: prints one value, or several with their keys. */
export async function get(keys: readonly string[], flags: GetFlags): Promise<void> {
  if (flags.field !== undefined && flags.member !== undefined) {
    throw new ConfigurationError('give --field (a hash) or --member (a sorted set), not both');
  }
  const [first = '', ...others] = keys;
  await (others.length === 0 ? getOne(first, flags) : getMany(keys, flags));
}

async function getOne(key: string, { field, member, json }: GetFlags): Promise<void> {
  const context = createContext(process.stderr);
  const redis = connectPromptly(findRedis(context), 'tally-get', TIMEOUT_MS, context.logger);
  const cell = { key, field, member };
  try {
    const found = await askRedis(redis, TIMEOUT_MS, readCell(redis, cell));
    if (found === undefined) {
      fail(`${describeCell(cell)} does not exist`);
      return;
    }
    console.log(json ? JSON.stringify(found) : String(found.value));
  } finally {
    redis.disconnect();
  }
}

async function getMany(keys: readonly string[], { field, member, json }: GetFlags): Promise<void> {
  const cells = keys.map((key) => ({
    key,
    ...(field !== undefined && { field }),
    ...(member !== undefined && { member }),
  }));
  const readings = await withReader((reader) => reader.get(cells));
  if (json) {
    console.log(JSON.stringify(readings));
  }
  for (const reading of readings) {
    print(reading, json !== true);
  }
}

function print(reading: CellReading, withValue: boolean): void {
  if (reading.code !== undefined) {
    fail(reading.message);
  } else if (reading.value === null) {
    fail(`${describeCell(reading)} does not exist`);
  } else if (withValue) {
    console.log(`${reading.key} ${reading.value}`);
  }
}

function fail(message: string): void {
  console.error(`tally: ${message}`);
  process.exitCode = 1;
}
