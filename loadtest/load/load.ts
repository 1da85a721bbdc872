import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { readSetting } from '../../src/doctor/read-setting.js';
import { ConfigurationError } from '../../src/errors.js';
import type { Operation } from '../../src/operations/operation.js';
import type { PartitionCount } from '../../src/layout/layout.js';
import { importOperations } from '../../src/operations/import-operations.js';
import { openStore } from '../../src/layout/store.js';
import type { RedisClient } from '../../src/redis/connection.js';
import { DEFAULT_NAMESPACE } from '../../src/redis/keys.js';
import type { Keys } from '../../src/redis/keys.js';
import type { Durability } from '../../src/redis/replicas.js';
import { describeTarget, isCluster } from '../../src/redis/target.js';
import type { RedisTarget } from '../../src/redis/target.js';
import { Cells } from './cells.js';
import { Ledger } from './ledger.js';
import type { LiveView } from './live-view.js';
import { compareWith, readBaseline } from './baseline.js';
import { readMachine } from './machine.js';
import { plainTarget } from './plain/target-plain.js';
import type { Plan } from './plan.js';
import { requireApiHere, requireMastersHere, requireRedisHere } from './remote.js';
import { removeCells } from './remove-cells.js';
import type { LoadResult, LoadSettings, SideResult, Topology } from './result.js';
import { OwnProcess } from './self/own-process.js';
import { HASTY, startOwnSetUp, WORKERS } from './self/own-set-up.js';
import { runSide } from './side.js';
import type { SideDeps } from './side.js';
import { judgeSlos } from './slo.js';
import type { Stopping } from './stopping.js';
import { httpTarget } from './target-http.js';
import { queueTarget } from './target-queue.js';
import { readTopology } from './topology.js';

/** Where the Tally under load is, by its configuration. */
export interface Place extends Partial<Durability> {
  readonly redis: RedisTarget;
  /** Into how many partitions its queues are split. @defaultValue 8 on a Cluster, else not */
  readonly partitions?: PartitionCount;
  readonly namespace: string;
  readonly prefix: string;
  /** Of the API. */
  readonly origin: string;
  readonly apiKey: string | undefined;
  /** The user's own. */
  readonly operations?: readonly Operation[];
}

export interface LoadDeps {
  readonly logger: Logger;
  readonly view: LiveView;
  readonly stopping: Stopping;
  /** The module of the user's own operations, for a set-up of the load's own. */
  readonly operations?: string | undefined;
}

/** A set-up under load: what the configuration names, or what the load started. */
interface SetUp extends Place {
  readonly workers: readonly OwnProcess[];
  readonly stop: () => Promise<void>;
}

const REDIS_TIMEOUT_MS = 15_000;

/**
 * Puts a load on Tally, and on the side that it is compared with, and removes the cells that it made.
 *
 * @param place where Tally is; not called for a set-up of the load's own
 * @throws ConfigurationError when it is on another machine and that was not allowed
 */
export async function runLoad(plan: Plan, place: () => Place, deps: LoadDeps): Promise<LoadResult> {
  const baseline = plan.baseline === undefined ? undefined : readBaseline(plan.baseline); // before anything runs
  const setUp = plan.self ? await ownSetUp(plan, deps.operations) : foundSetUp(plan, place());
  const storeOptions = { connectionName: 'tally-load', timeoutMs: REDIS_TIMEOUT_MS, logger: deps.logger };
  const store = openStore({ ...setUp, ...storeOptions });
  const { redis } = store;
  try {
    const runId = randomBytes(6).toString('hex');
    const { topology, facts } = await readTopology(store, setUp.redis);
    if (!plan.self && !plan.allowRemote) {
      requireMastersHere(redis);
    }
    const machine = readMachine(facts, await readSetting(redis, 'appendfsync'));
    deps.view.say(`the cells of this load are load:${runId}:…, and removed at its end`);
    const { keys } = store;
    const tally = await runTally({ plan, runId, setUp, redis, keys, ...deps });
    const mayCompare = plan.compare && !deps.stopping.submitting.aborted;
    const compared = mayCompare ? await runPlain({ plan, runId, setUp, redis, keys, ...deps }) : undefined;
    const found = {
      settings: settingsOf(plan, runId, setUp, topology),
      machine,
      tally,
      ...(compared && { compared }),
      interrupted: deps.stopping.submitting.aborted,
    };
    return {
      ...found,
      passed: tally.verdict.exact,
      ...(plan.slos.length > 0 && { slo: judgeSlos(plan.slos, tally) }),
      ...(baseline && { baseline: compareWith(baseline, found) }),
    };
  } finally {
    deps.view.done();
    store.close();
    await setUp.stop();
  }
}

function foundSetUp(plan: Plan, place: Place): SetUp {
  const found = { ...place, origin: plan.url ?? place.origin };
  if (plan.compare && isCluster(found.redis)) {
    throw new ConfigurationError(
      '--compare sets a plain queue beside Tally, whose jobs change keys wherever they lie, which a Cluster refuses: leave it out, or load one server',
    );
  }
  if (!plan.allowRemote) {
    requireRedisHere(found.redis);
    if (plan.target === 'http') {
      requireApiHere(found.origin);
    }
  }
  return { ...found, workers: [], stop: () => Promise.resolve() };
}

async function ownSetUp({ target, work }: Plan, module?: string): Promise<SetUp> {
  const concurrency = work.workerConcurrency;
  const own = await startOwnSetUp({ withApi: target === 'http', concurrency, operations: module });
  const operations = module === undefined ? [] : await importOperations(module);
  const { redisUrl: redis, origin = '', workers, stop } = own;
  return { redis, origin, ...DEFAULT_NAMESPACE, apiKey: undefined, operations, workers, stop };
}

interface Run extends LoadDeps {
  readonly plan: Plan;
  readonly runId: string;
  readonly setUp: SetUp;
  readonly redis: RedisClient;
  readonly keys: Keys;
}

function runTally(run: Run): Promise<SideResult> {
  const { plan, runId, setUp, logger } = run;
  const { origin, apiKey, workers } = setUp;
  const { maxBatch } = plan.work;
  const target =
    plan.target === 'http'
      ? httpTarget({ origin, apiKey })
      : queueTarget({ ...producerOptions(setUp), logger, ...(maxBatch !== undefined && { maxBatch }) });
  return runAndRemove(run, { name: 'tally', target, workers }, `load:${runId}:`);
}

function producerOptions({ redis, namespace, prefix, partitions, operations, ...rest }: Place) {
  const { replicasToConfirm, confirmOnDisk } = rest;
  return {
    redis,
    namespace,
    prefix,
    partitions,
    ...(operations && { operations }),
    ...(replicasToConfirm !== undefined && { replicasToConfirm }),
    ...(confirmOnDisk !== undefined && { confirmOnDisk }),
  };
}

async function runPlain(run: Run): Promise<SideResult> {
  const { plan, runId, setUp } = run;
  const prefix = `load:${runId}:bull`;
  const concurrency = plan.work.workerConcurrency;
  // Beside workers of the user's own it has BullMQ's own timing: with a lock of a second a busy machine would have it run jobs twice.
  const task = {
    role: 'plain-worker',
    redis: setUp.redis,
    prefix,
    concurrency,
    ...(plan.self && HASTY),
  } as const;
  const workers = await Promise.all(Array.from({ length: plan.self ? WORKERS : 1 }, () => OwnProcess.start(task)));
  const target = await plainTarget(setUp.redis, prefix);
  const stopsFirst = async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
    await target.close();
  };
  return runAndRemove(
    run,
    { name: 'plain-bullmq', target: { ...target, close: stopsFirst }, workers },
    `load:${runId}:plain:`,
  );
}

async function runAndRemove(
  { plan, runId, redis, keys, view, stopping }: Run,
  side: Pick<SideDeps, 'name' | 'target' | 'workers'>,
  keysPrefix: string,
): Promise<SideResult> {
  const cells = new Cells(keysPrefix, plan.work.keys, plan.work.leaderboard);
  const ledger = new Ledger(cells.size);
  try {
    const result = await runSide({ ...side, plan, runId, cells, ledger, redis, keys, view, stopping });
    if (result.verdict.undrained + result.verdict.uncertain > 0) {
      view.say(`updates that are applied after the load make cells ${keysPrefix}… again: remove them then`);
    }
    return result;
  } finally {
    await side.target.close();
    await removeCells(redis, cells, ledger.touched);
  }
}

function settingsOf(
  { work, search, ...plan }: Plan,
  runId: string,
  { redis, origin }: SetUp,
  topology: Topology,
): LoadSettings {
  const { rate, callers = 1, ramp } = work;
  return {
    ...(plan.scenario && { scenario: plan.scenario.name, scenarioText: plan.scenario.text }),
    target: plan.target,
    targetUrl: plan.target === 'http' ? origin : describeTarget(redis),
    topology,
    self: plan.self,
    seed: plan.seed,
    runId,
    loop:
      search !== undefined
        ? { kind: 'search', p99LimitMs: search.p99LimitMs }
        : rate !== undefined
          ? { kind: 'open', perSecond: rate, ramp }
          : { kind: 'closed', callers, ramp },
    durationMs: work.durationMs,
    updateLimit: work.updates,
    mix: work.mix,
    keys: work.keys,
    skew: work.skew,
    idempotentShare: work.idempotentShare,
    sendings: work.sendings,
    batch: work.batch,
    nemeses: plan.nemeses,
  };
}
