import { createRegistry } from '../operations/registry.js';
import type { Operation } from '../operations/operation.js';
import type { PartitionCount } from '../layout/layout.js';
import { withoutUser } from '../redis/refusal.js';
import type { Finding } from '../redis/requirements.js';
import type { RedisTarget } from '../redis/target.js';
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
import { fault, ok } from './finding.js';
import { judgeTls } from './judge-tls.js';
import { layoutsOf } from './layouts.js';
import type { Masters } from './masters.js';

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
  if (nodes.length === 0) {
    return [];
  }
  const { partitions, replicasToConfirm = 0, confirmOnDisk = false, operations } = examination;
  const layouts = layoutsOf(masters, { ...examination, partitions });
  const registry = createRegistry(operations);
  const { queues } = registry;
  const checks: [string, () => Promise<Finding[]>][] = [
    ['server', () => checkServers(nodes, { isCluster, replicasToConfirm, confirmOnDisk })],
    ['scripts', () => checkScripts(nodes, isCluster, registry)],
    ['clock', () => checkClocks(nodes)],
    ['processes', () => unlessForbidden('processes', checkProcesses(masters, examination))],
    ['partitions', () => checkPartitions(masters, layouts, queues)],
    ['queues', () => unlessForbidden('queues', checkQueues(masters, layouts, queues))],
    ['other programs', () => unlessForbidden('other programs', checkForeignWorkers(masters, layouts, queues))],
    ['forms', () => unlessForbidden('forms', checkForms(masters, layouts, queues))],
    ['outcomes', () => unlessForbidden('outcomes', checkOutcomes(masters, layouts, queues))],
    ['subscribers', () => unlessForbidden('subscribers', checkSubscribers(masters, examination))],
    ['permissions', () => checkRights(nodes, examination)],
  ];
  const findings: Finding[] = [];
  for (const [subject, check] of checks) {
    try {
      findings.push(...(await check()));
      if (findings.some(({ level, subject: what }) => level === 'error' && what === 'mode')) {
        break; // it is another kind of server than the rest asks for
      }
    } catch (error) {
      findings.push(fault(subject, `can't be checked: ${withoutUser((error as Error).message)}`));
    }
  }
  return findings;
}

/** What the rights of its user keep doctor from looking at is not wrong. */
async function unlessForbidden(subject: string, checking: Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await checking;
  } catch (error) {
    const { message } = error as Error;
    if (!message.startsWith('NOPERM')) {
      throw error;
    }
    return [ok(subject, `can't be checked: ${withoutUser(message)}`)];
  }
}
