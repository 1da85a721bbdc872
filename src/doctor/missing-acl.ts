import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { RedisClient } from '../redis/connection.js';
import { NEEDS, patternsOf } from './acl-needs.js';
import type { Role, RuleOptions } from './acl-needs.js';

/** Something that a role needs and a Redis user may not do. */
export interface MissingRight {
  readonly command: string;
  /** The pattern of keys; undefined for a command without keys. */
  readonly pattern: string | undefined;
}

/**
 * Asks Redis for each call whether the user of this connection may make it, and makes none: so nothing gets into ACL LOG.
 * Since Redis 8 the number of arguments must be right, so the zeros at the end become fewer or more until it is. What is an
 * error then too is a command that the server does not know.
 */
const ASK = `
if not redis.acl_check_cmd then
  return 'unknown'
end
local function may_make(call)
  local known, may = pcall(redis.acl_check_cmd, unpack(call))
  while not known and call[#call] == '0' do
    call[#call] = nil
  end
  for _ = 0, 4 do
    if known then
      return may
    end
    known, may = pcall(redis.acl_check_cmd, unpack(call))
    call[#call + 1] = '0'
  end
  return not known or may
end
local answers = {}
for number, call in ipairs(cjson.decode(ARGV[1])) do
  answers[number] = may_make(call) and '1' or '0'
end
return table.concat(answers)`;

/**
 * What the user of a connection lacks for a role. Commands that the server does not know are not lacking.
 *
 * @returns undefined when the server can't tell, before Redis 7
 * @throws ReplyError NOPERM when the user may not even run scripts
 */
export async function findMissing(
  redis: Redis,
  role: Role,
  names: RuleOptions,
): Promise<readonly MissingRight[] | undefined> {
  const wanted: MissingRight[] = NEEDS[role].flatMap(({ commands, keys }) => {
    const patterns = keys.length === 0 ? [undefined] : keys.flatMap((key) => patternsOf(key, names));
    return patterns.flatMap((pattern) => commands.map((command) => ({ command, pattern })));
  });
  const answers = await mayCall(
    redis,
    wanted.map(({ command, pattern }) => callOf(command, pattern)),
  );
  return answers && wanted.filter((_, place) => answers[place] === false);
}

/** Whether the user of a connection may make these calls; undefined when the server can't tell. */
export async function mayCall(
  redis: RedisClient,
  calls: readonly (readonly string[])[],
): Promise<boolean[] | undefined> {
  const answers = (await redis.eval(ASK, 0, JSON.stringify(calls))) as string;
  return answers === 'unknown' ? undefined : Array.from(answers, (answer) => answer === '1');
}

const SHA = createHash('sha1').update('').digest('hex');

/** What stands behind a command that takes no key, or not one key alone in the first place. */
const ARGUMENTS: Readonly<Record<string, (key: string) => readonly string[]>> = {
  'ACL|DRYRUN': () => ['default', 'PING'],
  'CLIENT|SETNAME': () => ['name'],
  'CLIENT|SETINFO': () => ['LIB-NAME', 'name'],
  'CONFIG|GET': () => ['maxmemory'],
  'SCRIPT|LOAD': () => ['return 1'],
  SELECT: () => ['0'],
  EVAL: () => ['return 1', '0'],
  EVALSHA: () => [SHA, '0'],
  WAIT: () => ['0', '1'],
  WAITAOF: () => ['0', '0', '1'],
  BZPOPMIN: (key) => [key, '1'],
  DEL: (key) => [key],
  EXISTS: (key) => [key],
  MGET: (key) => [key],
  UNLINK: (key) => [key],
  LMOVE: (key) => [key, key, 'LEFT', 'RIGHT'],
  RENAME: (key) => [key, key],
  RPOPLPUSH: (key) => [key, key],
  'MEMORY|USAGE': (key) => [key],
  XCLAIM: (key) => [key, 'group', 'consumer', '0', '0-0'],
  'XGROUP|CREATE': (key) => [key, 'group', '0'],
  'XGROUP|DELCONSUMER': (key) => [key, 'group', 'consumer'],
  'XINFO|GROUPS': (key) => [key],
  XREADGROUP: (key) => ['GROUP', 'group', 'consumer', 'STREAMS', key, '>'],
  XREAD: (key) => ['STREAMS', key, '0'],
};

function callOf(command: string, pattern: string | undefined): string[] {
  const key = pattern?.replace(/^(%R)?~/, '').replaceAll('*', 'tally-doctor');
  const rest = ARGUMENTS[command]?.(key ?? '') ?? (key === undefined ? [] : [key, '0', '0']);
  return [...command.split('|'), ...rest];
}
