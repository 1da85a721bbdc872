import type { Redis } from 'ioredis';
import { connectOnce } from './connect-once.js';
import type { Node } from './connect-once.js';
import { readTarget } from './target.js';
import type { RedisTarget, ServerOptions } from './target.js';

/** What is known of one Sentinel. */
export interface SentinelAnswer {
  readonly address: string;
  /** Why it did not answer. */
  readonly problem?: string;
  /** Of the master that it names. */
  readonly master?: { readonly host: string; readonly port: number };
  /** How many other Sentinels it knows. */
  readonly others?: number;
  readonly replicas?: readonly { readonly address: string; readonly isDown: boolean }[];
  /** Why the Sentinels could not agree on a failover; undefined when they could. */
  readonly quorumProblem?: string;
}

/** Asks each of the Sentinels that a target names; those that are unreachable say so. */
export async function askSentinels(target: RedisTarget, timeoutMs: number): Promise<SentinelAnswer[]> {
  const options = readTarget(target) as ServerOptions;
  return Promise.all((options.sentinels ?? []).map((place) => askSentinel(options, place, timeoutMs)));
}

/** Sentinels have users, and TLS, of their own. */
export function accessToSentinels({ sentinelUsername, sentinelPassword, sentinelTLS }: ServerOptions): ServerOptions {
  return {
    ...(sentinelUsername && { username: sentinelUsername }),
    ...(sentinelPassword && { password: sentinelPassword }),
    ...(sentinelTLS && { tls: sentinelTLS }),
  };
}

async function askSentinel(
  options: ServerOptions,
  { host = '127.0.0.1', port = 26_379 }: { host?: string | undefined; port?: number | undefined },
  timeoutMs: number,
): Promise<SentinelAnswer> {
  const { name = '' } = options;
  const address = `${host}:${port}`;
  let node: Node;
  try {
    node = await connectOnce({ host, port, ...accessToSentinels(options) }, timeoutMs, true);
  } catch (error) {
    return { address, problem: (error as Error).message.replace(`${address} `, '') };
  }
  try {
    return { address, ...(await readSentinel(node.redis, name)) };
  } catch (error) {
    return { address, problem: (error as Error).message };
  } finally {
    node.redis.disconnect();
  }
}

async function readSentinel(redis: Redis, name: string): Promise<Omit<SentinelAnswer, 'address'>> {
  const found = (await redis.call('SENTINEL', 'get-master-addr-by-name', name)) as [string, string] | null;
  if (found === null) {
    return { problem: `knows no master "${name}": give its name, master=NAME` };
  }
  const [others, replicas, quorumProblem] = await Promise.all([
    redis.call('SENTINEL', 'sentinels', name) as Promise<unknown[]>,
    redis.call('SENTINEL', 'replicas', name) as Promise<unknown[]>,
    redis.call('SENTINEL', 'ckquorum', name).then(
      () => undefined,
      (error: unknown) => (error as Error).message,
    ),
  ]);
  return {
    master: { host: found[0], port: Number(found[1]) },
    others: others.length,
    replicas: replicas.map(fieldsOf).map((fields) => ({
      address: `${fields.get('ip')}:${fields.get('port')}`,
      isDown: /down|disconnected/.test(fields.get('flags') ?? ''),
    })),
    ...(quorumProblem !== undefined && { quorumProblem }),
  };
}

/** A map, or by the older protocol a list of names and values. */
function fieldsOf(reply: unknown): Map<string, string> {
  if (!Array.isArray(reply)) {
    return new Map(Object.entries(reply as Record<string, string>));
  }
  const texts = reply.map(String);
  return new Map(texts.flatMap((text, at) => (at % 2 === 0 ? [[text, texts[at + 1] ?? '']] : [])));
}
