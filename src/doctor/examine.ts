import { createRegistry } from '../operations/registry.js';
import type { Operation } from '../operations/operation.js';
import type { Layout, PartitionCount } from '../layout/layout.js';
import { createKeys } from '../redis/keys.js';
import type { Keys } from '../redis/keys.js';
import { withoutUser } from '../redis/refusal.js';
import type { Finding } from '../redis/requirements.js';
import type { RedisTarget } from '../redis/target.js';
import { NEEDS } from './acl-needs.js';
import type { Role } from './acl-needs.js';
import { checkRights } from './check-acl.js';
import type { RightsOptions } from './check-acl.js';
import { checkClocks } from './check-clocks.js';
import { checkForeignWorkers } from './check-foreign-workers.js';
import { checkForms } from './check-forms.js';
import { checkOutcomes } from './check-outcomes.js';
import { checkPartitions } from './check-partitions.js';
import { checkProcesses } from './check-processes.js';
import { checkQueues } from './check-queues.js';
import { checkScripts } from './check-scripts.js';
import { checkServers } from './check-servers.js';
import { checkSubscribers } from './check-subscribers.js';
import { findMasters } from './find-masters.js';
import { fault } from './finding.js';
import { judgeTls } from './judge-tls.js';
import { layoutsOf } from './layouts.js';
import type { Masters } from './masters.js';
import { unlessForbidden } from './unless-forbidden.js';

/** Each answer that is waited for longer is as good as none. */
const TIMEOUT_MS = 5_000;

/** What is examined, and what it is to be good for. */
export interface Examination extends RightsOptions {
  readonly redis: RedisTarget;
  /** As this process is told to split queues. @defaultValue as is usual for what `redis` is */
  readonly partitions?: PartitionCount | undefined;
  /** Replicas that writes wait for. @defaultValue 0 */
  readonly replicasToConfirm?: number;
  /** Whether writes wait for the disk. @defaultValue false */
  readonly confirmOnDisk?: boolean;
  /** The user's own operations, whose queues are looked at too. @defaultValue none */
  readonly operations?: readonly Operation[] | undefined;
}

/**
 * What `tally doctor` says: of the servers, their settings and clocks, of the queues, and of the rights of the user. It connects by
 * itself, waits for no server longer than 5 s at a time, and changes nothing.
 *
 * @returns findings in the order in which they are to be read; one of level `error` has to be mended
 */
export async function examine(examination: Examination): Promise<Finding[]> {
  const { redis: target } = examination;
  const masters = await findMasters(target, TIMEOUT_MS);
  try {
    return [...judgeTls(target), ...masters.findings, ...(await checkMasters(examination, masters))];
  } finally {
    for (const { redis } of masters.nodes) {
      redis.disconnect();
    }
  }
}

async function checkMasters(examination: Examination, masters: Masters): Promise<Finding[]> {
  const { nodes, isCluster } = masters;
  const [first] = nodes;
  if (first === undefined) {
    return [];
  }
  const { role, partitions, replicasToConfirm = 0, confirmOnDisk = false, operations } = examination;
  const layouts = layoutsOf(masters, { ...examination, partitions });
  const registry = createRegistry(operations);
  const { queues } = registry;
  const reads = readsOf(layouts.configured, createKeys(examination));
  const checks: [string, () => Promise<Finding[]>][] = [
    ['server', () => checkServers(nodes, { isCluster, replicasToConfirm, confirmOnDisk })],
    ['scripts', () => (loadsScripts(role) ? checkScripts(nodes, isCluster, registry) : Promise.resolve([]))],
    ['clock', () => checkClocks(nodes)],
    ['processes', () => checkProcesses(masters, examination)],
    ['partitions', () => checkPartitions(masters, layouts, queues)],
    ['queues', () => checkQueues(masters, layouts, queues)],
    ['other programs', () => checkForeignWorkers(masters, layouts, queues)],
    ['forms', () => checkForms(masters, layouts, queues)],
    ['outcomes', () => checkOutcomes(masters, layouts, queues)],
    ['subscribers', () => checkSubscribers(masters, examination)],
    ['permissions', () => checkRights(nodes, examination)],
  ];
  const findings: Finding[] = [];
  for (const [subject, check] of checks) {
    try {
      const calls = reads[subject];
      findings.push(...(await (calls ? unlessForbidden(subject, { redis: first.redis, calls }, check) : check())));
      if (findings.some(({ level, subject: what }) => level === 'error' && what === 'mode')) {
        break; // it is another kind of server than the rest asks for
      }
    } catch (error) {
      findings.push(fault(subject, `can't be checked: ${withoutUser((error as Error).message)}`));
    }
  }
  return findings;
}

/** Whether that is needed for what the user is for. */
function loadsScripts(role: Role | undefined): boolean {
  return role === undefined || NEEDS[role].some(({ commands }) => commands.includes('SCRIPT|LOAD'));
}

/** What it takes to make the checks that some users may not make. */
function readsOf({ partitions: [first] }: Layout, keys: Keys): Readonly<Record<string, readonly string[][]>> {
  const queue = `${first.prefix}:tally-doctor`;
  const partitions = ['SMEMBERS', keys.partitionCounts];
  return {
    processes: [['HGETALL', keys.processes]],
    partitions: [partitions, ['LLEN', queue], ['ZCARD', queue]],
    queues: [
      partitions,
      ...['LLEN', 'ZCARD'].map((command) => [command, queue]),
      ...['LRANGE', 'ZRANGE', 'ZCOUNT', 'ZRANGEBYSCORE'].map((command) => [command, queue, '0', '0']),
      ...['HMGET', 'LINDEX'].map((command) => [command, queue, '0']),
    ],
    'other programs': [['CLIENT', 'LIST'], partitions],
    forms: [partitions, ['ZRANGE', queue, '0', '0'], ['HGET', queue, 'data']],
    outcomes: [partitions, ['HMGET', queue, 'jobs']],
    subscribers: [
      ['XINFO', 'GROUPS', keys.outcomes],
      ['XREVRANGE', keys.outcomes, '+', '-'],
      ['HMGET', keys.outcomeGroup('tally-doctor'), 'number'],
      ['LLEN', keys.deadOutcomes('tally-doctor')],
    ],
  };
}
