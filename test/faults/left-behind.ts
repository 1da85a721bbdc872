import { setTimeout as wait } from 'node:timers/promises';
import { WATCH_CONNECTION } from '../support/redis-clock/redis-with-clock.js';
import { isRequeued } from '../../src/jobs/job-id.js';
import { NODE_CONNECTION } from '../support/topology/cluster-node.js';
import { readReceiptNames } from './collect.js';
import { FaultCluster } from './cluster.js';
import { mastersOf } from './read-redis.js';
import { receiptKeyOf } from './read-jobs.js';
import type { Evidence } from './oracle/evidence.js';
import type { JobRecord } from './oracle/job-record.js';
import { SETTLED_RECEIPT_MS } from './settings.js';
import { membersOf } from './world.js';
import type { World } from './world.js';

const SLACK_MS = 500;

/** The suite's own, and those by which ioredis looks for masters on their behalf. */
const OWN_CONNECTIONS = new RegExp(
  ` name=(ioredis-cluster\\(\\w+\\):)?(operator|${WATCH_CONNECTION}|${NODE_CONNECTION}) `,
);

/** Of another master, by which keys came here: Redis keeps one for ten seconds after MIGRATE (MIGRATE_SOCKET_CACHE_TTL in its cluster.c). */
const MIGRATE_CONNECTION = ' cmd=restore-asking ';

/** Ends all processes politely. Says which did not, or had ended by themselves before. */
export async function stopMembers(world: World): Promise<string[]> {
  const complaints = membersOf(world).flatMap((member) => member.selfEnded);
  for (const stopping of membersOf(world).map((member) => member.stop())) {
    complaints.push(...(await stopping));
  }
  return complaints;
}

/** Connections that are open when nobody should have one. */
export async function openConnections({ operator }: World): Promise<string[]> {
  const lists = mastersOf(operator).map((master) => master.call('CLIENT', 'LIST', 'TYPE', 'normal'));
  const clients = (await Promise.all(lists)).flatMap((list) => String(list).split('\n'));
  return clients
    .filter((line) => line !== '' && !OWN_CONNECTIONS.test(line) && !line.includes(MIGRATE_CONNECTION))
    .map((line) => `a connection is left: ${line}`);
}

/**
 * Receipts of settled jobs that outlive their time. A job that a batch put back keeps its receipt on purpose, see
 * `job-settler.ts`; so does one whose worker was killed before it could settle it. A request that comes late, when its job is settled
 * already, may give a receipt its life back.
 *
 * In a Cluster receipts of a job lie on other masters than it, and are shortened late, or never, once its mark is safe.
 *
 * @param awaitEnd waits until they should be gone, rather than looking at their time to live
 */
export async function lateReceipts(world: World, { jobs }: Evidence, awaitEnd: boolean): Promise<string[]> {
  if (world.server instanceof FaultCluster) {
    return [];
  }
  const settled = jobs.filter(({ id, mark }) => mark !== undefined && !isRequeued(id));
  const late = awaitEnd ? await stillThere(world, settled) : settled.filter(isLate);
  const requests = membersOf(world).reduce((sum, { proxy }) => sum + proxy.deliveredLate, 0);
  return late.length <= requests ? [] : late.map(({ id, receiptTtlMs }) => receiptIsLate(id, receiptTtlMs));
}

async function stillThere({ operator }: World, settled: readonly JobRecord[]): Promise<JobRecord[]> {
  await wait(SETTLED_RECEIPT_MS + SLACK_MS);
  const left = await readReceiptNames(operator);
  return settled.filter((job) => left.has(receiptKeyOf(job)));
}

function isLate({ receiptTtlMs = 0 }: JobRecord): boolean {
  return receiptTtlMs > SETTLED_RECEIPT_MS;
}

function receiptIsLate(jobId: string, ttlMs = 0): string {
  return `job ${jobId} is settled, but its receipt lived for ${ttlMs} ms more: it should be gone ${SETTLED_RECEIPT_MS} ms after settling`;
}
