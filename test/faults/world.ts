import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import type { PartitionCount } from '../../src/layout/layout.js';
import { Partitions } from '../../src/layout/partitions.js';
import { openQueue } from '../../src/jobs/queues.js';
import type { TallyQueue } from '../../src/jobs/queues.js';
import type { Cell } from '../../src/index.js';
import { withinTime } from '../../src/lib/timeouts.js';
import { store } from '../lua/cells.js';
import { Acts } from './acts.js';
import { BAD_CELLS, EDGE, FLAKY, FLAKY_AT_START, inAll, ONE_SHARD, RESERVABLE, STOCK_AT_START } from './cells.js';
import type { Shards } from './cells.js';
import { CLUSTER_SHARDS, FaultCluster } from './cluster.js';
import { Member } from './member.js';
import type { ProducerOrder, WorkerOrder } from './messages.js';
import type { Random } from './random.js';
import type { RedisClient } from '../../src/redis/connection.js';
import { Server } from './server.js';
import { GROUPS, CLUSTER_PACE, PREFIX, QUEUES, SERVER_PACE } from './settings.js';
import type { ProducerSettings, Side, SubscriberSettings, WorkerSettings } from './side.js';

type WorkerMember = Member<WorkerSettings, WorkerOrder>;
/** What workers and producers run on. Slots of a Cluster move where it has no replicas, masters fail over where it has. */
export type Topology = 'server' | 'cluster' | 'cluster-with-replicas';

export type ProducerMember = Member<ProducerSettings, ProducerOrder>;
type SubscriberMember = Member<SubscriberSettings, WorkerOrder>;
export type AnyMember = WorkerMember | ProducerMember | SubscriberMember;

/** All that runs in an epoch, for the faults to act on. */
export interface World {
  /** The one Redis, or the Cluster. */
  readonly server: Server | FaultCluster;
  readonly workers: readonly [WorkerMember, WorkerMember];
  readonly producers: readonly [ProducerMember, ProducerMember];
  /** Not where the side under test can't, nor where a failover may take an event and leave a change whose slot had moved on. */
  readonly tellsOutcomes: boolean;
  /** Those of all groups; none where no outcomes are told, and in a Cluster. */
  readonly subscribers: readonly SubscriberMember[];
  /** What each group notes. */
  readonly heardBy: ReadonlyMap<string, string>;
  /** A connection straight to Redis, for what an operator does. It gives up soon when Redis is unreachable. */
  readonly operator: RedisClient;
  readonly shards: Shards;
  readonly queues: readonly TallyQueue[];
  /** First parts of the keys of these, each once. */
  readonly prefixes: readonly string[];
  /** How far the clock of each worker and producer is ahead, by its name. It stays so for all its processes. */
  readonly clocks: Map<string, number>;
  /** How the producers' next processes behave. */
  readonly producerMode: { resubmitAll: boolean };
  /** The producers' journals. */
  readonly journals: readonly string[];
  readonly acts: Acts;
  /** Whether every update has an idempotency key, so that it can be sent again when Redis has lost it. */
  readonly keyedOnly: boolean;
}

export interface WorldOptions {
  readonly topology: Topology;
  readonly folder: string;
  readonly side: Side;
  readonly producerSeeds: readonly [number, number];
  readonly keyedOnly: boolean;
  /** Into how many partitions each producer splits queues. */
  readonly partitions: readonly [PartitionCount, PartitionCount];
}

const OPERATOR_TIMEOUT_MS = 2_000;
const CLOSE_TIMEOUT_MS = 1_000;

export async function startWorld(options: WorldOptions): Promise<World> {
  const { folder, side, producerSeeds, keyedOnly, partitions, topology } = options;
  const server = await startServer(topology, folder);
  const operator = connectOperator(server);
  const shards = server instanceof FaultCluster ? CLUSTER_SHARDS : ONE_SHARD;
  await storeStart(operator, shards);
  const redisUrl = server instanceof FaultCluster ? server.urls : server.url;
  const pace = server instanceof FaultCluster ? CLUSTER_PACE : SERVER_PACE;
  const replicasToConfirm = topology === 'cluster-with-replicas' ? 1 : 0;
  const tellsOutcomes = side.subscriberProgram !== undefined;
  const clocks = new Map<string, number>();
  const producerMode = { resubmitAll: false };
  const journals = ['producer-1', 'producer-2'].map((name) => join(folder, `${name}.jsonl`));
  const startWorker = (name: string): Promise<WorkerMember> =>
    Member.start({
      name,
      program: side.workerProgram,
      log: join(folder, `${name}.log`),
      redisUrl,
      applyShas: side.applyShas,
      settings: (redis) => ({
        redis,
        clockOffsetMs: clocks.get(name) ?? 0,
        partitions: server instanceof FaultCluster ? partitions[0] : undefined,
        replicasToConfirm,
        tellsOutcomes,
        pace,
      }),
    });
  const startProducer = (number: 0 | 1): Promise<ProducerMember> =>
    Member.start({
      name: `producer-${number + 1}`,
      program: side.producerProgram,
      log: join(folder, `producer-${number + 1}.log`),
      redisUrl,
      applyShas: side.applyShas,
      settings: (redis, incarnation) => ({
        redis,
        name: `p${number + 1}`,
        incarnation,
        seed: producerSeeds[number],
        journal: journals[number]!,
        keyedOnly,
        resubmitAll: producerMode.resubmitAll,
        shards,
        partitions: partitions[number],
        replicasToConfirm,
        pace,
        clockOffsetMs: clocks.get(`producer-${number + 1}`) ?? 0,
      }),
    });
  const heardBy = new Map(Object.keys(GROUPS).map((group) => [group, join(folder, `subscriber-${group}.txt`)]));
  const startSubscriber = (program: URL, group: string, journal: string, number: number): Promise<SubscriberMember> =>
    Member.start({
      name: `subscriber-${group}-${number}`,
      program,
      log: join(folder, `subscriber-${group}-${number}.log`),
      redisUrl,
      settings: (redis) => ({ redis, group, journal }),
    });
  const startSubscribers = async (program: URL): Promise<SubscriberMember[]> =>
    Promise.all(
      [...heardBy].flatMap(([group, journal]) =>
        Array.from({ length: GROUPS[group] ?? 0 }, (_, at) => startSubscriber(program, group, journal, at + 1)),
      ),
    );
  const split = partitions.flatMap((count) => (count === undefined ? [] : new Partitions(PREFIX, count).all));
  const whole = server instanceof FaultCluster ? [] : [PREFIX];
  const prefixes = [...new Set([...whole, ...split.map(({ prefix }) => prefix)])];
  const silent = pino({ level: 'silent' });
  return {
    server,
    operator,
    shards,
    prefixes,
    queues: prefixes.flatMap((prefix) => QUEUES.map((name) => openQueue(name, prefix, operator, silent))),
    workers: [await startWorker('worker-1'), await startWorker('worker-2')],
    producers: [await startProducer(0), await startProducer(1)],
    tellsOutcomes,
    subscribers:
      side.subscriberProgram === undefined || server instanceof FaultCluster
        ? []
        : await startSubscribers(side.subscriberProgram),
    heardBy,
    clocks,
    producerMode,
    journals,
    acts: new Acts(),
    keyedOnly,
  };
}

export function membersOf({ workers, producers, subscribers }: World): [AnyMember, ...AnyMember[]] {
  return [...workers, ...producers, ...subscribers];
}

/** One of the members to hit, at work if one of them is. */
export function pickTarget<Target extends AnyMember>(random: Random, members: readonly [Target, ...Target[]]): Target {
  const [first, ...others] = random.shuffle(members) as [Target, ...Target[]];
  return [first, ...others].find(({ isReady }) => isReady) ?? first;
}

/** What the cells hold that are not missing at the start. */
export function startIn(shards: Shards): (readonly [Cell, number])[] {
  return [
    ...inAll(shards, RESERVABLE).map((cell) => [cell, STOCK_AT_START] as const),
    ...inAll(shards, FLAKY).map((cell) => [cell, FLAKY_AT_START] as const),
    ...inAll(shards, BAD_CELLS.slice(2)).map((cell) => [cell, EDGE] as const),
  ];
}

async function storeStart(redis: RedisClient, shards: Shards): Promise<void> {
  for (const [cell, value] of startIn(shards)) {
    await store(redis, cell, value);
  }
  for (const shard of shards) {
    const [list, text] = BAD_CELLS;
    await redis.rpush(shard + list.key, 'a', 'b');
    await redis.set(shard + text.key, 'twelve');
  }
}

async function startServer(topology: Topology, folder: string): Promise<World['server']> {
  return topology === 'server'
    ? Server.start(join(folder, 'redis'))
    : FaultCluster.start({ replicasPerMaster: topology === 'cluster-with-replicas' ? 1 : 0 });
}

function connectOperator(server: World['server']): RedisClient {
  if (server instanceof FaultCluster) {
    return server.connect('operator', OPERATOR_TIMEOUT_MS);
  }
  const operator = new Redis(server.url, {
    connectionName: 'operator',
    maxRetriesPerRequest: 1,
    commandTimeout: OPERATOR_TIMEOUT_MS,
    retryStrategy: () => 50,
  });
  operator.on('error', () => undefined);
  return operator;
}

/** For what only one server knows. */
export function serverOf({ server }: Pick<World, 'server'>): Server {
  if (server instanceof FaultCluster) {
    throw new Error('the suite itself did to a Cluster what is for one server');
  }
  return server;
}

/** The connection, once Redis answers. */
export async function connected(redis: World['operator']): Promise<World['operator']> {
  while ((await redis.ping().catch(() => undefined)) === undefined) {
    await wait(20);
  }
  return redis;
}

/** Ends whatever still runs. */
export async function endWorld(world: World): Promise<void> {
  await Promise.all(membersOf(world).map((member) => member.kill()));
  await Promise.all(membersOf(world).map((member) => member.proxy.close().catch(() => undefined))); // closed already
  world.operator.disconnect();
  await withinTime(Promise.all(world.queues.map((queue) => queue.close())), CLOSE_TIMEOUT_MS);
  await world.server.stop();
}
