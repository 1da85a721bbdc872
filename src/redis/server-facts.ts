import type { RedisClient } from './connection.js';

/** What Tally needs to know of a Redis server, read with INFO. */
export interface ServerFacts {
  readonly software: 'Redis' | 'Valkey';
  readonly version: string;
  /** `standalone`, `cluster` or `sentinel`. */
  readonly mode: string;
  /** `master` or `slave`. */
  readonly role: string;
  readonly maxmemoryPolicy: string;
  readonly appendOnly: boolean;
  /** Whether the append-only file could be written the last time. */
  readonly appendOnlyFails: boolean;
  /** Whether the append-only file could not be rewritten the last time: it grows until its disk is full. */
  readonly rewriteFails: boolean;
  /** Whether the last snapshot (RDB) could not be written: with the usual settings Redis then refuses writes. */
  readonly snapshotFails: boolean;
  readonly usedMemoryBytes: number;
  readonly maxmemoryBytes: number;
  /** Connections that it takes at most. */
  readonly maxClients: number;
  readonly clients: number;
  /** Replicas that are connected to it. */
  readonly replicas: number;
  /** Replicas that keep up, counted where `min-replicas-to-write` makes it refuse writes without them; else undefined. */
  readonly goodReplicas: number | undefined;
}

/** The facts of one server: of a Cluster, any. */
export async function readServerFacts(redis: RedisClient): Promise<ServerFacts> {
  const info = parseInfo(await redis.info());
  const number = (name: string) => Number(info.get(name) ?? 0);
  return {
    software: info.has('valkey_version') ? 'Valkey' : 'Redis',
    version: info.get('valkey_version') ?? info.get('redis_version') ?? 'unknown',
    mode: info.get('server_mode') ?? info.get('redis_mode') ?? 'unknown',
    role: info.get('role') ?? 'unknown',
    maxmemoryPolicy: info.get('maxmemory_policy') ?? 'unknown',
    appendOnly: info.get('aof_enabled') === '1',
    appendOnlyFails: info.get('aof_last_write_status') === 'err',
    rewriteFails: info.get('aof_last_bgrewrite_status') === 'err',
    snapshotFails: info.get('rdb_last_bgsave_status') === 'err',
    usedMemoryBytes: number('used_memory'),
    maxmemoryBytes: number('maxmemory'),
    maxClients: number('maxclients'),
    clients: number('connected_clients'),
    replicas: number('connected_slaves'),
    goodReplicas: info.has('min_slaves_good_slaves') ? number('min_slaves_good_slaves') : undefined,
  };
}

/** The lines `name:value` that INFO and CLUSTER INFO answer. */
export function parseInfo(text: string): Map<string, string> {
  const lines = text.split('\r\n').filter((line) => line.includes(':') && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}
