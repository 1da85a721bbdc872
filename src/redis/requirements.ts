import type { Redis } from 'ioredis';
import { ConfigurationError } from '../errors.js';

/** What Tally needs to know of a Redis server, read with INFO. */
export interface ServerFacts {
  readonly software: 'Redis' | 'Valkey';
  readonly version: string;
  readonly mode: string;
  readonly role: string;
  readonly maxmemoryPolicy: string;
  readonly appendOnly: boolean;
  readonly usedMemoryBytes: number;
  readonly maxmemoryBytes: number;
}

const MINIMUM_VERSION = [6, 2] as const;

export async function readServerFacts(redis: Redis): Promise<ServerFacts> {
  const info = parseInfo(await redis.info());
  return {
    software: info.has('valkey_version') ? 'Valkey' : 'Redis',
    version: info.get('valkey_version') ?? info.get('redis_version') ?? 'unknown',
    mode: info.get('redis_mode') ?? 'unknown',
    role: info.get('role') ?? 'unknown',
    maxmemoryPolicy: info.get('maxmemory_policy') ?? 'unknown',
    appendOnly: info.get('aof_enabled') === '1',
    usedMemoryBytes: Number(info.get('used_memory') ?? 0),
    maxmemoryBytes: Number(info.get('maxmemory') ?? 0),
  };
}

function parseInfo(text: string): Map<string, string> {
  const lines = text.split('\r\n').filter((line) => line.includes(':') && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}

/** Something about the server that the promise of exactly once depends on. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'error';
  readonly subject: string;
  readonly message: string;
}

export function judgeServer(facts: ServerFacts): Finding[] {
  return [judgeVersion(facts), judgeRole(facts), judgePolicy(facts), judgePersistence(facts)];
}

/**
 * Refuses a server on which updates could be lost or applied twice in ordinary operation.
 *
 * @returns the warnings
 * @throws ConfigurationError naming what is wrong and the command that mends it
 */
export function requireServer(facts: ServerFacts): Finding[] {
  const findings = judgeServer(facts);
  const errors = findings.filter(({ level }) => level === 'error');
  if (errors.length > 0) {
    throw new ConfigurationError(errors.map(({ message }) => message).join('; '));
  }
  return findings.filter(({ level }) => level === 'warning');
}

function judgeVersion({ software, version }: ServerFacts): Finding {
  const subject = 'version';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const recent = major > MINIMUM_VERSION[0] || (major === MINIMUM_VERSION[0] && minor >= MINIMUM_VERSION[1]);
  return software === 'Valkey' || recent
    ? { level: 'ok', subject, message: `${software} ${version}` }
    : { level: 'error', subject, message: `Redis ${version} is too old: Tally needs Redis 6.2 or later, or Valkey` };
}

function judgeRole({ role }: ServerFacts): Finding {
  const subject = 'role';
  return role === 'master'
    ? { level: 'ok', subject, message: 'this is a master' }
    : {
        level: 'error',
        subject,
        message: `this server is a ${role}, which refuses writes: point REDIS_URL at the master`,
      };
}

function judgePolicy({ maxmemoryPolicy }: ServerFacts): Finding {
  const subject = 'maxmemory-policy';
  return maxmemoryPolicy === 'noeviction'
    ? { level: 'ok', subject, message: 'noeviction' }
    : {
        level: 'error',
        subject,
        message: `maxmemory-policy is "${maxmemoryPolicy}", so Redis may evict receipts and jobs: run CONFIG SET maxmemory-policy noeviction`,
      };
}

function judgePersistence({ appendOnly }: ServerFacts): Finding {
  const subject = 'persistence';
  return appendOnly
    ? { level: 'ok', subject, message: 'the append-only file is on' }
    : {
        level: 'warning',
        subject,
        message:
          'the append-only file is off, so a crash of Redis loses the latest updates: run CONFIG SET appendonly yes',
      };
}
