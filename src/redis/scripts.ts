import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
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

/** Joins the frame with the plans of all operations: the script that applies jobs, see `lua/frame.lua`. */
export function applyScript(registry: Registry): Script {
  const sources = new Map<string, string[]>();
  for (const { name, lua } of registry.operations) {
    if (lua !== undefined) {
      sources.set(lua, [...(sources.get(lua) ?? []), name]);
    }
  }
  const plans = [...sources].map(([lua, names]) => planBlock(lua, names));
  return script(
    'apply',
    luaSource('frame').replace('--{{plans}}', () => plans.join('\n')),
  );
}

/** A source is a function that returns one plan, or a table of plans; what reaches Redis is out of its sight. */
function planBlock(lua: string, names: readonly string[]): string {
  return [
    'do',
    'local source = (function(redis, KEYS, ARGV)',
    lua,
    'end)()',
    ...names.map((name) => `plans['${name}'] = type(source) == 'table' and source['${name}'] or source`),
    'end',
  ].join('\n');
}

/** Loads scripts and runs them by their SHA-1; loads them again when Redis has lost them. */
export class ScriptRunner {
  #loading: Promise<void> | undefined;
  /** How often Redis had lost a script, by a restart, a failover or SCRIPT FLUSH. */
  reloads = 0;

  constructor(
    private readonly redis: Redis,
    private readonly scripts: readonly Script[],
  ) {}

  /** @throws ConfigurationError when Redis can't compile a script */
  async load(): Promise<void> {
    for (const { name, text, sha } of this.scripts) {
      let loaded: unknown;
      try {
        loaded = await this.redis.script('LOAD', text);
      } catch (error) {
        throw new ConfigurationError(`Redis did not load the script "${name}": ${(error as Error).message}`, {
          cause: error,
        });
      }
      if (loaded !== sha) {
        throw new ConfigurationError(`Redis loaded the script "${name}" as ${String(loaded)} instead of ${sha}`);
      }
    }
  }

  async run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await this.redis.evalsha(script.sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error as Error).message.startsWith('NOSCRIPT')) {
        throw error;
      }
      await this.#reload();
      return await this.redis.evalsha(script.sha, keys.length, ...keys, ...args);
    }
  }

  async #reload(): Promise<void> {
    this.#loading ??= this.load().finally(() => {
      this.#loading = undefined;
      this.reloads += 1;
    });
    await this.#loading;
  }
}
