import { ConfigurationError } from '../errors.js';
import type { RedisClient } from '../redis/connection.js';
import { luaSource } from '../redis/lua-source.js';
import { createScript } from '../redis/scripts.js';
import type { Script } from '../redis/scripts.js';
import type { Registry } from './registry.js';

/** Joins the frame with the plans of all operations: the script that applies jobs, see `lua/apply.lua`. */
export function applyScript(registry: Registry): Script {
  const plans = [...planSources(registry)].map(([lua, names]) =>
    [
      `if ${names.map((name) => `operation == '${name}'`).join(' or ')} then`,
      `local source = ${sourceCall(lua)}`,
      `return ${planOf('operation')}`,
      'end',
    ].join('\n'),
  );
  return createScript(
    'apply',
    luaSource('apply')
      .replace('--{{plans}}', () => plans.join('\n'))
      .replace('--{{last-told}}', () => luaSource('last-told')),
  );
}

/**
 * Makes sure that the Lua of each operation compiles and gives a plan, since one that does not would stop the
 * joined script for all.
 *
 * @throws ConfigurationError naming the operation
 */
export async function checkPlans(redis: RedisClient, registry: Registry): Promise<void> {
  for (const [lua, names] of planSources(registry)) {
    const types = `{ ${names.map((name) => `type(${planOf(`'${name}'`)})`).join(', ')} }`;
    let found: string[];
    try {
      found = (await redis.eval(`local source = ${sourceCall(lua)}\nreturn ${types}`, 0)) as string[];
    } catch (error) {
      if ((error as Error).name !== 'ReplyError') {
        throw error; // Redis is unreachable
      }
      throw badPlan(names[0], (error as Error).message, error);
    }
    const missing = found.findIndex((type) => type !== 'function');
    if (missing !== -1) {
      throw badPlan(
        names[missing],
        `it must end in "return function(cells, args) ... end", but returns a ${found[missing]}`,
      );
    }
  }
}

function badPlan(name = '', message: string, cause?: unknown): ConfigurationError {
  return new ConfigurationError(`the Lua plan of the operation "${name}" can't be used: ${message}`, { cause });
}

/** The names of the operations by their Lua source: a family of operations shares one. */
function planSources(registry: Registry): Map<string, string[]> {
  const sources = new Map<string, string[]>();
  for (const { name, lua } of registry.operations) {
    if (lua !== undefined) {
      sources.set(lua, [...(sources.get(lua) ?? []), name]);
    }
  }
  return sources;
}

/**
 * What a plan can't see: all ways to Redis, to other plans and out of this list; and metatables, by which a value
 * could change between the check and the write.
 */
const HIDDEN =
  'redis, server, KEYS, ARGV, make_plan, operation, _G, load, loadstring, getfenv, setfenv, getmetatable, setmetatable, newproxy';

function sourceCall(lua: string): string {
  return `(function(${HIDDEN})\n${lua}\nend)()`;
}

/** A source returns one plan, or a table of plans by the names of their operations. */
function planOf(operation: string): string {
  return `(type(source) == 'table' and source[${operation}] or source)`;
}
