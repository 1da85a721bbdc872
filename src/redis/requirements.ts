import { ConfigurationError } from '../errors.js';
import type { ServerFacts } from './server-facts.js';

export { readServerFacts } from './server-facts.js';
export type { ServerFacts } from './server-facts.js';

/** Something about a server that the promise of exactly once depends on. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'error';
  readonly subject: string;
  readonly message: string;
}

/** What a server has to be able to do beside the usual. */
export interface ServerNeeds {
  /** Whether it is reached as a node of a Cluster. @defaultValue false */
  readonly isCluster?: boolean;
  /** Whether it has to tell what is on its disk. @defaultValue false */
  readonly confirmOnDisk?: boolean;
}

const MINIMUM_VERSION = [6, 2] as const;

/** The first with WAITAOF. */
const WAITAOF_VERSION = [7, 2] as const;

export function judgeServer(facts: ServerFacts, wanted: ServerNeeds = {}): Finding[] {
  if (facts.mode === 'sentinel') {
    return [judgeMode(facts, wanted)]; // it has none of the rest
  }
  return [
    judgeVersion(facts),
    judgeMode(facts, wanted),
    judgeRole(facts),
    judgePolicy(facts),
    ...judgePersistence(facts),
    ...(wanted.confirmOnDisk === true ? [judgeConfirmation(facts)] : []),
  ];
}

/**
 * Findings that are the same of all servers stand once; others name their servers.
 *
 * @param findings those of each server, by its address
 */
export function mergeFindings(findings: ReadonlyMap<string, readonly Finding[]>): Finding[] {
  const merged = new Map<string, { finding: Finding; addresses: string[] }>();
  for (const [address, ofServer] of findings) {
    for (const finding of ofServer) {
      const id = `${finding.subject} ${finding.level} ${finding.message}`;
      const same = merged.get(id) ?? { finding, addresses: [] };
      same.addresses.push(address);
      merged.set(id, same);
    }
  }
  const subjects = [...new Set([...merged.values()].map(({ finding }) => finding.subject))];
  return [...merged.values()]
    .sort((one, other) => subjects.indexOf(one.finding.subject) - subjects.indexOf(other.finding.subject))
    .map(({ finding, addresses }) =>
      addresses.length === findings.size
        ? finding
        : { ...finding, message: `${addresses.join(', ')}: ${finding.message}` },
    );
}

/** @throws ConfigurationError when there are errors, naming what is wrong and how to mend it */
export function refuseErrors(findings: readonly Finding[]): void {
  const errors = findings.filter(({ level }) => level === 'error');
  if (errors.length > 0) {
    throw new ConfigurationError(errors.map(({ message }) => message).join('; '));
  }
}

function isAtLeast(version: string, [wantedMajor, wantedMinor]: readonly [number, number]): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

function judgeVersion({ software, version }: ServerFacts): Finding {
  const subject = 'version';
  return software === 'Valkey' || isAtLeast(version, MINIMUM_VERSION)
    ? { level: 'ok', subject, message: `${software} ${version}` }
    : { level: 'error', subject, message: `Redis ${version} is too old: Tally needs Redis 6.2 or later, or Valkey` };
}

function judgeMode({ mode }: ServerFacts, { isCluster = false }: ServerNeeds): Finding {
  const subject = 'mode';
  if (mode === 'sentinel') {
    const message = 'this is a Sentinel, which holds no data: write redis-sentinel://host:port?master=name';
    return { level: 'error', subject, message };
  }
  if ((mode === 'cluster') === isCluster) {
    return { level: 'ok', subject, message: isCluster ? 'a node of a Cluster' : 'one server, no Cluster' };
  }
  return { level: 'error', subject, message: isCluster ? NO_CLUSTER : CLUSTER_NODE };
}

/** Also where the connection finds out by itself. */
export const NO_CLUSTER = 'this server is no node of a Cluster: write redis:// in place of redis-cluster://';

const CLUSTER_NODE =
  'this server is a node of a Cluster, which refuses the keys of the other nodes: write redis-cluster:// in place of redis://';

function judgeRole({ role }: ServerFacts): Finding {
  const subject = 'role';
  return role === 'master'
    ? { level: 'ok', subject, message: 'this is a master' }
    : {
        level: 'error',
        subject,
        message: `this server is a ${role === 'slave' ? 'replica' : role}, which refuses writes (READONLY): point REDIS_URL at the master`,
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

/** All that is wrong with its files; well is the append-only file alone, when it is on. */
function judgePersistence({ appendOnly, appendOnlyFails, rewriteFails, snapshotFails }: ServerFacts): Finding[] {
  const subject = 'persistence';
  const faults = [
    appendOnlyFails && {
      level: 'error' as const,
      message: "the append-only file can't be written, so Redis refuses writes: make room on its disk",
    },
    rewriteFails && {
      level: 'warning' as const,
      message:
        "the append-only file could not be rewritten the last time, and grows: mend what Redis' log names, then run BGREWRITEAOF",
    },
    snapshotFails && {
      level: 'warning' as const,
      message:
        'the last snapshot could not be written, for which Redis, as it is usually set, refuses writes: mend what its log names, then run BGSAVE',
    },
    !appendOnly && {
      level: 'warning' as const,
      message:
        'the append-only file is off, so a crash of Redis loses the latest updates: run CONFIG SET appendonly yes',
    },
  ].filter((fault) => fault !== false);
  return faults.length > 0
    ? faults.map((fault) => ({ ...fault, subject }))
    : [{ level: 'ok', subject, message: 'the append-only file is on' }];
}

function judgeConfirmation({ software, version, appendOnly }: ServerFacts): Finding {
  const subject = 'confirm on disk';
  if (software !== 'Valkey' && !isAtLeast(version, WAITAOF_VERSION)) {
    const message = `Redis ${version} can't tell what is on its disk, which confirmOnDisk asks for: take Redis 7.2 or Valkey, or leave it out`;
    return { level: 'error', subject, message };
  }
  return appendOnly
    ? { level: 'ok', subject, message: 'Redis can tell what is on its disk' }
    : {
        level: 'error',
        subject,
        message: 'confirmOnDisk needs the append-only file, which is off: run CONFIG SET appendonly yes',
      };
}
