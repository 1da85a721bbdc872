import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Cell } from '../../src/index.js';

/** A script as a service without Tally has it. */
export interface PlainScript {
  readonly lua: string;
  readonly sha: string;
}

/** What a script is called with: the number of keys, the keys, the arguments. */
export type ScriptArgs = readonly [numberOfKeys: number, ...rest: readonly (string | number)[]];

/** One increment, as short as it can be: one key, one amount. */
export const INCREMENT = plainScript(`return redis.call('INCRBY', KEYS[1], ARGV[1])`);

/** Many increments in one call: adds ARGV[n] to KEYS[n]. */
export const INCREMENTS = plainScript(`
for n = 1, #KEYS do
  redis.call('INCRBY', KEYS[n], ARGV[n])
end
return #KEYS
`);

/**
 * Checks and changes the cells of one update, all or none.
 *
 * ARGV  1 how to take stock: 'add', 'floor' or 'reject'
 *       2 ... of each cell its kind, its key, its field or member, and the amount
 *
 * @returns what was taken of the stock, or -1 when there was too little; of other updates 0
 */
export const CHANGES = plainScript(`
local how = ARGV[1]
if how ~= 'add' then
  local key, wanted = ARGV[3], tonumber(ARGV[5])
  local stock = tonumber(redis.call('GET', key) or '0')
  if how == 'reject' and stock < wanted then
    return -1
  end
  local taken = math.min(stock, wanted)
  redis.call('DECRBY', key, taken)
  return taken
end
for n = 2, #ARGV, 4 do
  local kind, key, name, by = ARGV[n], ARGV[n + 1], ARGV[n + 2], ARGV[n + 3]
  if kind == 'hash' then
    redis.call('HINCRBY', key, name, by)
  elseif kind == 'zset' then
    redis.call('ZINCRBY', key, by, name)
  else
    redis.call('INCRBY', key, by)
  end
end
return 0
`);

/** The arguments of {@link CHANGES}. It declares no keys: it runs on one server. */
export function changeArgs(
  how: 'add' | 'floor' | 'reject',
  changes: readonly { readonly cell: Cell; readonly by: number }[],
): ScriptArgs {
  const cells = changes.flatMap(({ cell: { key, field, member }, by }) => {
    const kind = field !== undefined ? 'hash' : member !== undefined ? 'zset' : 'string';
    return [kind, key, field ?? member ?? '', by];
  });
  return [0, how, ...cells];
}

/** Runs it by its SHA-1, and with its text where Redis does not know it. */
export async function runScript(redis: Redis, { lua, sha }: PlainScript, args: ScriptArgs): Promise<unknown> {
  try {
    return await redis.evalsha(sha, ...args);
  } catch (error) {
    if ((error as Error).message.startsWith('NOSCRIPT')) {
      return redis.eval(lua, ...args);
    }
    throw error;
  }
}

function plainScript(lua: string): PlainScript {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}
