import { createHash } from 'node:crypto';
import type { Connection, RedisClient } from './connection.js';
import { ConfigurationError } from '../errors.js';
import { luaSource } from '../operations/lua-source.js';
import type { Registry } from '../operations/registry.js';

/** A Lua script by its text and the SHA-1 under which Redis keeps it. */
export interface Script {
  readonly name: string;
  readonly text: string;
  readonly sha: string;
}

function script(name: string, text: string): Script {
  return { name, text, sha: createHash('sha1').update(text).digest('hex') };
}

/** The script that marks completed jobs, see `lua/settle.lua`. */
export function settleScript(): Script {
  return script('settle', luaSource('settle'));
}

/** The script that removes jobs which were kept long enough, see `lua/retire.lua`. */
export function retireScript(): Script {
  return script('retire', luaSource('retire'));
}

/** Joins the frame with the plans of all operations: the script that applies jobs, see `lua/frame.lua`. */
export function applyScript(registry: Registry): Script {
  const plans = [...planSources(registry)].map(([lua, names]) =>
    [
      `if ${names.map((name) => `operation == '${name}'`).join(' or ')} then`,
      `local source = ${sourceCall(lua)}`,
      `return ${planOf('operation')}`,
      'end',
    ].join('\n'),
  );
  return script(
    'apply',
    luaSource('frame').replace('--{{plans}}', () => plans.join('\n')),
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
        throw error; // Redis is away
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

function isLost(error: unknown): boolean {
  return (error as Error).message.startsWith('NOSCRIPT');
}

async function loadAll(redis: RedisClient, scripts: readonly Script[]): Promise<void> {
  for (const { name, text, sha } of scripts) {
    let loaded: unknown;
    try {
      loaded = await redis.script('LOAD', text);
    } catch (error) {
      if ((error as Error).name !== 'ReplyError') {
        throw error; // this server is away
      }
      throw new ConfigurationError(`Redis did not load the script "${name}": ${(error as Error).message}`, {
        cause: error,
      });
    }
    if (loaded !== sha) {
      throw new ConfigurationError(`Redis loaded the script "${name}" as ${String(loaded)} instead of ${sha}`);
    }
  }
}

/** Loads scripts on every master and runs them by their SHA-1; loads them again where Redis has lost them. */
export class ScriptRunner {
  #loading: Promise<void> | undefined;

  /** @param onReload called when Redis had lost a script, by a restart, a failover or SCRIPT FLUSH */
  constructor(
    private readonly redis: Connection,
    private readonly scripts: readonly Script[],
    private readonly onReload?: () => void,
  ) {}

  /** @throws ConfigurationError when Redis can't compile a script */
  async load(): Promise<void> {
    const masters = this.redis.masters();
    const results = await Promise.allSettled(masters.map((master) => loadAll(master, this.scripts)));
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []));
    const fault = failures.find(({ name }) => name === 'ConfigurationError');
    if (fault !== undefined || failures.length === results.length) {
      throw fault ?? failures[0] ?? new Error('no master of the Cluster is known yet');
    }
    // A master that is away is given them when it is first asked to run one.
  }

  async run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await this.redis.evalsha(script.sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!isLost(error)) {
        throw error;
      }
      await this.#reload();
      return await this.#runByTextIfNeeded(script, keys, args);
    }
  }

  /** A slot on its way to a new master is answered by one that was not known yet: it gets the script with the call. */
  async #runByTextIfNeeded(script: Script, keys: readonly string[], args: readonly (string | number)[]) {
    try {
      return await this.redis.evalsha(script.sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!isLost(error)) {
        throw error;
      }
      return await this.redis.eval(script.text, keys.length, ...keys, ...args);
    }
  }

  async #reload(): Promise<void> {
    this.#loading ??= this.load().finally(() => {
      this.#loading = undefined;
      this.onReload?.();
    });
    await this.#loading;
  }
}
