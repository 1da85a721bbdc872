import type { Redis } from 'ioredis';
import type { Operation } from '../../src/operations/operation.js';
import { readGroups } from '../../src/jobs/told-groups.js';
import type { GroupReading } from '../../src/jobs/told-groups.js';
import { readWebhooks } from '../../src/jobs/webhook-reading.js';
import type { WebhooksReading } from '../../src/jobs/webhook-reading.js';
import type { PartitionCount } from '../../src/layout/layout.js';
import { examine } from '../../src/doctor/examine.js';
import type { Store } from '../../src/layout/store.js';
import type { Metrics } from '../../src/metrics/metrics.js';
import { readProcesses } from '../../src/metrics/processes.js';
import type { ConnectedProcess } from '../../src/metrics/processes.js';
import { workerFactsOf } from '../../src/metrics/pulse-form.js';
import { reportQueues } from '../../src/metrics/queue-report.js';
import type { QueueReport } from '../../src/metrics/queue-report.js';
import type { Registry } from '../../src/operations/registry.js';
import { groupFailures } from '../../src/producers/failures/group-failures.js';
import type { GroupedFailures } from '../../src/producers/failures/group-failures.js';
import { readHotKeys, readRates, sumOf } from '../../src/readers/read-pulse.js';
import type { Rates } from '../../src/readers/read-pulse.js';
import { readSchedules } from '../../src/readers/read-schedules.js';
import type { Schedule } from '../../src/readers/read-schedules.js';
import { nodeName } from '../../src/redis/node-name.js';
import { refusalOf } from '../../src/redis/refusal.js';
import { readServerFacts } from '../../src/redis/server-facts.js';
import type { ServerFacts } from '../../src/redis/server-facts.js';
import type { RedisTarget } from '../../src/redis/target.js';
import { toMs } from '../../src/redis/server-time.js';
import { tryWrite } from '../../src/redis/try-write.js';
import { valueWithin, withDeadline } from '../../src/lib/timeouts.js';
import type { AuditLog } from '../audit/audit-log.js';
import type { AuditEntry } from '../audit/entry.js';
import { MasterUnreachableError } from '../master-unreachable.js';
import { OperatorActions } from './operator-actions.js';
import { Trends } from './trends.js';
import { isStill, judge } from './verdict.js';
import type { Trouble } from './trouble.js';
import type { Refused } from './verdict.js';
import type { Finding } from '../../src/redis/requirements.js';

/** A queue, and where its backlog goes. */
export interface QueueFlow extends QueueReport {
  /** By how many updates a second it grows, below 0 when it shrinks; undefined until somebody has looked for some seconds. */
  readonly growthPerSecond: number | undefined;
  /** Whether nothing of it is taken: no worker, paused, or all workers quiet. */
  readonly isStill: boolean;
}

export interface Overview {
  readonly nowMs: number;
  readonly troubles: readonly Trouble[];
  readonly queues: readonly QueueFlow[];
  readonly failures: GroupedFailures;
  readonly processes: readonly ConnectedProcess[];
  /** Whether a master refuses writes: then processes can't say that they are there. */
  readonly takesNoWrites: boolean;
  /** The last hour by minutes, the current one last. */
  readonly minutes: readonly Rates[];
  readonly hour: Rates;
  readonly day: Rates;
  readonly hotKeys: readonly { readonly key: string; readonly updates: number }[];
  readonly servers: readonly (ServerFacts & { readonly node: string })[];
  readonly schedules: readonly Schedule[];
  /** Groups of subscribers. */
  readonly groups: readonly GroupReading[];
  /** Undefined where there are none. */
  readonly webhooks: WebhooksReading | undefined;
  /** What doctor says; undefined while it looks for the first time. */
  readonly findings: readonly Finding[] | undefined;
}

export interface OverviewSource extends Pick<Store, 'redis' | 'keys' | 'layouts' | 'masters' | 'logger'> {
  readonly registry: Registry;
  readonly target: RedisTarget;
  readonly namespace: string;
  readonly prefix: string;
  readonly partitions: PartitionCount | undefined;
  readonly operations: readonly Operation[];
  /** Which know whether Redis has lost what Tally kept in it. */
  readonly metrics: Pick<Metrics, 'isInstallationLost'>;
  readonly audit: Pick<AuditLog, 'read'>;
}

/** Failed jobs that the overview looks at: the page of failures looks at all. */
const FAILURES_LOOKED = 2_000;

const HOT_SHOWN = 10;

const WRITE_TIMEOUT_MS = 1_000;
/** While a master of a Cluster does not answer. */
const READ_TIMEOUT_MS = 1_000;

/** What costs more is read less often, whoever looks. */
const EVERY_MS = { overview: 2_000, failures: 10_000, doctor: 60_000 } as const;

/** Reads the overview for all who look at it at once. */
export class OverviewReader {
  readonly #overview = new Remembered(EVERY_MS.overview, () => this.#read());
  readonly #failures: Remembered<GroupedFailures>;
  readonly #findings: Remembered<readonly Finding[]>;
  readonly #trends = new Trends();

  constructor(private readonly source: OverviewSource) {
    this.#failures = new Remembered(EVERY_MS.failures, () => groupFailures(source, { filter: {} }, 0, FAILURES_LOOKED));
    this.#findings = new Remembered(EVERY_MS.doctor, () => findingsOf(source));
  }

  read(): Promise<Overview> {
    return this.#overview.read();
  }

  async #read(): Promise<Overview> {
    const { source } = this;
    const { redis, keys, masters, registry } = source;
    const { answering, faults } = await masters.look();
    const [any] = answering;
    if (any === undefined) {
      throw new MasterUnreachableError(faults.join('; '));
    }
    const nowMs = toMs(await any.time());
    /** Of what lies on several masters of a Cluster, some may not answer: the page, which says so, does not wait for them. */
    const orElse = <T>(reading: Promise<T>, otherwise: T) =>
      faults.length === 0 ? reading : valueWithin(reading, READ_TIMEOUT_MS, otherwise);
    void this.#findings.read().catch(() => undefined); // it takes seconds: the next who look will have it
    const [reports, failures, processes, groups, webhooks, refusals, minutes, hours, hotKeys, schedules, ...servers] =
      await Promise.all([
        reportQueues({ ...source, queues: registry.queues }),
        this.#failures.read(),
        orElse(readProcesses(redis, keys, nowMs), []),
        orElse(readGroups(redis, keys), []),
        orElse(webhooksOf(source), undefined),
        refusalsOf(source, answering),
        orElse(readRates(source, 'minute', 60, nowMs), []),
        orElse(readRates(source, 'hour', 24, nowMs), []),
        orElse(readHotKeys(source, nowMs, HOT_SHOWN), []),
        orElse(readSchedules(source), []),
        ...answering.map(async (master) => ({ node: nodeName(master), ...(await readServerFacts(master)) })),
      ]);
    const [hour, day] = [sumOf(minutes), sumOf(hours)];
    const takesNoWrites = refusals.length > 0;
    // Which processes are there, none can say then.
    const findings = this.#findings.latest?.filter(({ subject }) => !takesNoWrites || subject !== 'processes');
    const quietWorkers = processes.filter((each) => workerFactsOf(each)?.isQuiet === true).length;
    const isHindered =
      quietWorkers > 0 || reports.some((it) => it.paused === true || (it.rateLimit ?? it.concurrencyLimit) !== null);
    const trail = isHindered ? await valueWithin(trailOf(source), READ_TIMEOUT_MS, []) : [];
    const state = {
      queues: reports,
      faults,
      servers,
      refusals,
      isLost: source.metrics.isInstallationLost,
      groups,
      processes,
      failedUpdates: failures.updates,
      failedInHour: hour.outcomes.failed + hour.outcomes.unknown,
      quietWorkers,
      quietQueues: quietQueuesOf(processes),
      schedules,
      webhooks,
      findings: findings ?? [],
      actions: new OperatorActions(trail, nowMs),
    };
    const troubles = judge(state);
    const queues = reports.map((report): QueueFlow => {
      const { queue, updatesWaiting } = report;
      const growthPerSecond = updatesWaiting === null ? undefined : this.#trends.note(queue, updatesWaiting, nowMs);
      return { ...report, growthPerSecond, isStill: isStill(report, state) };
    });
    const seen = { queues, failures, processes, minutes, hour, day, hotKeys, servers, schedules, groups, webhooks };
    return { nowMs, troubles, takesNoWrites, ...seen, findings };
  }
}

/** Queues whose workers have all been told to take no jobs. */
function quietQueuesOf(processes: readonly ConnectedProcess[]): string[] {
  const workers = processes.flatMap((each) => workerFactsOf(each) ?? []);
  const busy = new Set(workers.flatMap(({ isQuiet, queues }) => (isQuiet ? [] : queues)));
  return [...new Set(workers.flatMap(({ queues }) => queues))].filter((queue) => !busy.has(queue));
}

/** What was done in dashboards, the latest first; nothing where it can't be read, as its page says. */
async function trailOf({ audit }: OverviewSource): Promise<AuditEntry[]> {
  const { ofUsers, ofStrangers } = await audit.read().catch(() => ({ ofUsers: [], ofStrangers: [] }));
  return [...ofUsers, ...ofStrangers].sort((one, other) => Date.parse(other.at) - Date.parse(one.at));
}

/** None for a Redis user of before, who has no right to them yet: what is missing, doctor says. */
async function webhooksOf({ redis, keys }: OverviewSource): Promise<WebhooksReading | undefined> {
  try {
    return await readWebhooks(redis, keys, redis.isCluster);
  } catch (error) {
    if (refusalOf(error)?.code === 'NOPERM') {
      return undefined;
    }
    throw error;
  }
}

/** With what masters refuse writes. What keeps one from answering is told by what else it does not answer. */
async function refusalsOf({ redis, prefix }: OverviewSource, answering: readonly Redis[]): Promise<Refused[]> {
  const tried = answering.map(async (master) => ({
    node: nodeName(master),
    refusal: await withDeadline(tryWrite(redis, master, prefix), WRITE_TIMEOUT_MS).catch(() => undefined),
  }));
  // A dashboard whose user may not write says nothing of the server.
  return (await Promise.all(tried)).flatMap(({ node, refusal }) =>
    refusal === undefined || refusal.code === 'NOPERM' ? [] : [{ node, code: refusal.code }],
  );
}

async function findingsOf(source: OverviewSource): Promise<readonly Finding[]> {
  const { target: redis, namespace, prefix, partitions, operations } = source;
  return examine({ redis, namespace, prefix, partitions, operations, role: 'dashboard', cells: [] });
}

/** Reads something anew when it is asked for and the last reading is over; those who ask meanwhile share it. */
class Remembered<T> {
  #reading: Promise<T> | undefined;
  #latest: T | undefined;
  #readAtMs = -Infinity;

  constructor(
    private readonly everyMs: number,
    private readonly readNow: () => Promise<T>,
  ) {}

  get latest(): T | undefined {
    return this.#latest;
  }

  read(): Promise<T> {
    if (this.#latest !== undefined && performance.now() - this.#readAtMs < this.everyMs) {
      return Promise.resolve(this.#latest);
    }
    this.#reading ??= this.readNow()
      .then((value) => {
        this.#latest = value;
        this.#readAtMs = performance.now();
        return value;
      })
      .finally(() => {
        this.#reading = undefined;
      });
    return this.#reading;
  }
}
