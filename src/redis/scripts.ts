import { createHash } from 'node:crypto';
import type { Connection, RedisClient } from './connection.js';
import { ConfigurationError } from '../errors.js';

/** A Lua script by its text and the SHA-1 under which Redis keeps it. */
export interface Script {
  readonly name: string;
  readonly text: string;
  readonly sha: string;
}

/** @param name for people */
export function createScript(name: string, text: string): Script {
  return { name, text, sha: createHash('sha1').update(text).digest('hex') };
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
        throw error; // this server is unreachable
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
    // A master that is unreachable is given them when it is first asked to run one.
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
