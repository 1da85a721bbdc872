import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { connectPromptly } from '../../src/redis/connect.js';
import { readReceipts, readUsed, sum } from './cluster-cost.js';
import { spreadKey } from './cluster-roles.js';
import type { SpreadFound } from './cluster-roles.js';
import { startServers } from './cluster-servers.js';
import type { Servers } from './cluster-servers.js';
import type { Report } from '../progress.js';
import { startRole } from './roles.js';
import { median } from './throughput.js';

/** What an update costs where. */
interface SpreadCost {
  /** Microseconds of processor time of all nodes. */
  readonly redisMicros: number;
  /** Commands of all nodes, those within scripts too. */
  readonly commands: number;
  readonly workerMicros: number;
  readonly producerMicros: number;
  /** The part of all commands that the busiest master has. */
  readonly busiestShare: number;
  /** Bytes of receipts of jobs. */
  readonly receiptBytes: number;
  /** Updates that one receipt of a job speaks for. */
  readonly perReceipt: number;
  /** The part of the calls for several slots of a master that were answered; NaN where there were none. */
  readonly answeredShare: number;
}

export interface SpreadResult extends SpreadCost {
  readonly workload: string;
  /** Of a Cluster; left out for one server. */
  readonly masters?: number;
  /** Left out where queues are not split. */
  readonly partitions?: number;
  /** `redisMicros` of each round. */
  readonly rounds: readonly number[];
}

export interface SpreadWorkload {
  readonly name: string;
  readonly title: string;
  readonly updates: number;
  readonly maxBatch: number;
  readonly keysOfATag: number;
  /** Whether workers tell outcomes. */
  readonly outcomes?: boolean;
}

const KEYS = 10_000;

export const spreadWorkloads: readonly SpreadWorkload[] = [
  { name: 'random', title: 'random keys', updates: 60_000, maxBatch: 256, keysOfATag: 1 },
  { name: 'tagged', title: '100 keys to a hash tag', updates: 120_000, maxBatch: 256, keysOfATag: 100 },
  { name: 'single', title: 'jobs of one update', updates: 12_000, maxBatch: 1, keysOfATag: 1 },
];

/** The same with outcomes told: the first and the last of them. */
export const toldWorkloads: readonly SpreadWorkload[] = spreadWorkloads
  .filter(({ name }) => name !== 'tagged')
  .map((workload) => ({
    ...workload,
    name: `${workload.name}-outcomes`,
    title: `${workload.title}, outcomes told`,
    outcomes: true,
  }));

const PLACES: readonly {
  readonly masters: number | undefined;
  readonly partitions: readonly (number | undefined)[];
}[] = [
  { masters: undefined, partitions: [undefined, 8] },
  { masters: 1, partitions: [1, 8, 16] },
  { masters: 3, partitions: [1, 8, 16] },
  { masters: 6, partitions: [1, 8, 16] },
];

/** What all is compared with. */
const ONE_SERVER = { masters: undefined, partitions: [undefined] };

/** How long to look at what the nodes and an idle worker use: that is not for updates, and is taken off. */
const IDLE_MS = 1_000;

const REDIS_TIMEOUT_MS = 30_000;

/** How many masters a Cluster has, and into how many partitions queues are split. */
export interface ClusterSize {
  readonly masters: number;
  readonly partitions: number;
}

interface Options {
  readonly rounds: number;
  readonly scale: number;
  readonly report: Report;
  /** Beside one server only a Cluster with so many masters, and queues in so many partitions. @defaultValue all of them */
  readonly on?: ClusterSize | undefined;
  /** For the files of all servers. */
  readonly dataDir: string;
  /** Rejects when the run is to end early: the servers are stopped first. */
  readonly interrupted: Promise<never>;
}

/** Servers, and one way to split queues on them. */
interface SpreadPlace {
  readonly servers: Servers;
  readonly partitions: number | undefined;
}

/**
 * Measures what an update costs on one server and on Clusters, as processor time: how fast all nodes together are, no
 * machine of two cores can show. All in turn, round by round; medians over the rounds.
 *
 * @throws Error when a total is wrong
 */
export async function measureCluster(
  workloads: readonly SpreadWorkload[],
  { dataDir, interrupted, on, ...options }: Options,
): Promise<SpreadResult[]> {
  const started: Servers[] = [];
  try {
    const wanted = on === undefined ? PLACES : [ONE_SERVER, { masters: on.masters, partitions: [on.partitions] }];
    for (const { masters } of wanted) {
      started.push(await startServers(masters, join(dataDir, `masters-${masters ?? 0}`)));
    }
    const places = started.flatMap((servers, index) =>
      (wanted[index]?.partitions ?? []).map((partitions) => ({ servers, partitions })),
    );
    return await Promise.race([runAll(workloads, places, options), interrupted]);
  } finally {
    await Promise.all(started.map((servers) => servers.stop()));
  }
}

async function runAll(
  workloads: readonly SpreadWorkload[],
  places: readonly SpreadPlace[],
  { rounds, scale, report }: Pick<Options, 'rounds' | 'scale' | 'report'>,
): Promise<SpreadResult[]> {
  const cases = workloads.flatMap((workload) => places.map((place) => ({ place, workload })));
  const costs = cases.map((): SpreadCost[] => []);
  for (let round = 1; round <= rounds; round += 1) {
    for (const [index, { place, workload }] of cases.entries()) {
      const where = `${place.servers.masters ?? 'no'} masters, ${place.partitions ?? 'no'} partitions`;
      report(`round ${round} of ${rounds}: ${workload.name}, ${where}`);
      costs[index]?.push(await runOnce(place, { ...workload, updates: Math.ceil(workload.updates * scale) }));
    }
  }
  return cases.map(({ place, workload }, index) => resultOf(workload, place, costs[index] ?? []));
}

function resultOf(
  { name }: SpreadWorkload,
  { servers: { masters }, partitions }: SpreadPlace,
  costs: readonly SpreadCost[],
): SpreadResult {
  return {
    workload: name,
    ...(masters !== undefined && { masters }),
    ...(partitions !== undefined && { partitions }),
    ...medianOf(costs),
    rounds: costs.map(({ redisMicros }) => redisMicros),
  };
}

async function runOnce(
  { servers: { url, nodes }, partitions }: SpreadPlace,
  { updates, maxBatch, keysOfATag, outcomes = false }: SpreadWorkload,
): Promise<SpreadCost> {
  await Promise.all(nodes.map((node) => node.flushall('SYNC')));
  const task = { redisUrl: url, updates, partitions };
  const worker = await startRole({ role: 'spread-worker', outcomes, ...task });
  const producer = await startRole({ role: 'spread-producer', keys: KEYS, maxBatch, keysOfATag, ...task });
  const idleFrom = await readUsed(nodes);
  await pause(IDLE_MS);
  const from = await readUsed(nodes);
  const done = await Promise.all([producer.work(), worker.work()]);
  const [ofProducer, ofWorker] = done.map(({ found }) => found) as [SpreadFound, SpreadFound];
  await Promise.all([producer.stop(), worker.stop()]); // settles all jobs
  const to = await readUsed(nodes);
  await requireTotal(url, updates, keysOfATag);
  const idlePerMs = (from.micros - idleFrom.micros) / (from.atMs - idleFrom.atMs);
  const commands = to.commands.map((count, node) => count - (from.commands[node] ?? 0));
  const receipts = await readReceipts(nodes);
  return {
    redisMicros: (to.micros - from.micros - idlePerMs * (to.atMs - from.atMs)) / updates,
    commands: sum(commands) / updates,
    workerMicros: ofWorker.micros,
    producerMicros: ofProducer.micros,
    busiestShare: Math.max(...commands) / sum(commands),
    receiptBytes: receipts.bytes / updates,
    perReceipt: updates / receipts.count,
    answeredShare: ofWorker.answeredShare ?? NaN,
  };
}

/** Adds up all keys. @throws Error when the sum is not the number of updates: each of them adds 1 */
async function requireTotal(url: string, updates: number, keysOfATag: number): Promise<void> {
  const redis = connectPromptly(url, 'bench', REDIS_TIMEOUT_MS, pino({ level: 'silent' }));
  try {
    const names = Array.from({ length: KEYS }, (_, number) => spreadKey(number, keysOfATag));
    const total = sum((await Promise.all(names.map((name) => redis.get(name)))).map(Number));
    if (total !== updates) {
      throw new Error(`wrong total on ${redis.address}: ${total} instead of ${updates}`);
    }
  } finally {
    redis.disconnect();
  }
}

function medianOf(costs: readonly SpreadCost[]): SpreadCost {
  const of = (name: keyof SpreadCost) => median(costs.map((cost) => cost[name]));
  return {
    redisMicros: of('redisMicros'),
    commands: of('commands'),
    workerMicros: of('workerMicros'),
    producerMicros: of('producerMicros'),
    busiestShare: of('busiestShare'),
    receiptBytes: of('receiptBytes'),
    perReceipt: of('perReceipt'),
    answeredShare: of('answeredShare'),
  };
}
