import type { ClusterOptions, RedisOptions } from 'ioredis';
import { ConfigurationError } from '../errors.js';
import { nearest } from '../lib/nearest.js';

/**
 * What becomes of an option of ioredis:
 *
 * - `passed`: ioredis gets it
 * - `owned`: Tally's connections need a value of their own, so what is given has no effect
 * - a refusal: it would make Tally do something else than it promises
 */
type Treatment = 'passed' | 'owned' | Refusal;

interface Refusal {
  /** Values that change nothing. */
  readonly harmless: readonly unknown[];
  readonly advice: string;
}

const NOT_SHARED = 'no code but Tally uses this connection: leave it out';
const EXACT_KEYS =
  'the keys written are exactly those that updates name: leave it out, and set namespace and prefix for the rest';
const WRITES = 'Tally writes, which only masters let it: leave it out';
const BY_NODES = 'nodes says where the nodes are: leave it out';

const refused = (advice: string, ...harmless: unknown[]): Refusal => ({ advice, harmless });

/** Of a connection to one server, or by Sentinel. */
const SERVER = {
  host: 'passed',
  port: 'passed',
  path: 'passed',
  family: 'passed',
  db: 'passed',
  username: 'passed',
  password: 'passed',
  tls: 'passed',
  Connector: 'passed',
  protocol: 'passed',
  connectTimeout: 'passed',
  disconnectTimeout: 'passed',
  socketTimeout: 'passed',
  maxLoadingRetryTime: 'passed',
  keepAlive: 'passed',
  noDelay: 'passed',
  disableClientInfo: 'passed',
  clientInfoTag: 'passed',
  // delays: it can't give up
  showFriendlyErrorStack: 'passed',
  retryStrategy: 'passed',
  sentinels: 'passed',
  name: 'passed',
  sentinelUsername: 'passed',
  sentinelPassword: 'passed',
  sentinelTLS: 'passed',
  enableTLSForSentinelMode: 'passed',
  natMap: 'passed',
  updateSentinels: 'passed',
  sentinelRetryStrategy: 'passed',
  sentinelReconnectStrategy: 'passed',
  sentinelCommandTimeout: 'passed',
  sentinelMaxConnections: 'passed',
  failoverDetector: 'passed',
  preferredSlaves: 'passed',
  // Blocking reads take seconds; workers wait for as long as Redis is unreachable, and producers for submitTimeoutMs.
  commandTimeout: 'owned',
  blockingTimeout: 'owned',
  blockingTimeoutGrace: 'owned',
  maxRetriesPerRequest: 'owned',
  enableOfflineQueue: 'owned',
  offlineQueue: 'owned',
  commandQueue: 'owned',
  lazyConnect: 'owned',
  autoResendUnfulfilledCommands: 'owned',
  autoResubscribe: 'owned',
  enableReadyCheck: 'owned',
  reconnectOnError: 'owned', // see MasterSearch
  // answers as BullMQ reads them
  stringNumbers: 'owned',
  replyMapping: 'owned',
  // made workers slower
  enableAutoPipelining: 'owned',
  autoPipeliningIgnoredCommands: 'owned',
  connectionName: 'owned', // by which Tally's connections are told apart
  keyPrefix: refused(EXACT_KEYS, ''),
  readOnly: refused(WRITES, false),
  role: refused(WRITES, 'master'),
  monitor: refused(NOT_SHARED, false),
  scripts: refused(NOT_SHARED),
  himportFieldsets: refused(NOT_SHARED),
} as const satisfies Record<keyof RedisOptions, Treatment>;

/** Of `redisOptions` for the nodes of a Cluster. */
const NODE = {
  ...SERVER,
  host: refused(BY_NODES),
  port: refused(BY_NODES),
  path: refused(BY_NODES),
  sentinels: refused(BY_NODES),
  name: refused(BY_NODES),
  retryStrategy: 'owned',
  natMap: refused('give it beside redisOptions'),
  db: refused('a Cluster has no database but 0: leave it out', 0, '0'),
} as const satisfies Record<keyof RedisOptions, Treatment>;

const CLUSTER = {
  nodes: 'passed',
  redisOptions: 'passed',
  dnsLookup: 'passed',
  natMap: 'passed',
  useSRVRecords: 'passed',
  resolveSrv: 'passed',
  clusterRetryStrategy: 'passed',
  retryDelayOnMoved: 'passed',
  slotsRefreshTimeout: 'passed',
  slotsRefreshInterval: 'passed',
  showFriendlyErrorStack: 'passed',
  enableOfflineQueue: 'owned',
  enableReadyCheck: 'owned',
  lazyConnect: 'owned',
  shardedSubscribers: 'owned',
  enableAutoPipelining: 'owned',
  autoPipeliningIgnoredCommands: 'owned',
  // A node that came back unseen would be a lost connection that nobody has counted.
  clusterNodeRetryStrategy: 'owned',
  maxRedirections: 'owned',
  retryDelayOnFailover: 'owned',
  retryDelayOnClusterDown: 'owned',
  retryDelayOnTryAgain: 'owned',
  scaleReads: refused('what replicas answer may be out of date: leave it out', 'master'),
  keyPrefix: refused(EXACT_KEYS, ''),
  scripts: refused(NOT_SHARED),
  himportFieldsets: refused(NOT_SHARED),
} as const satisfies Record<keyof ClusterOptions | 'nodes', Treatment>;

/** What becomes of each option, by where it stands. */
export const TREATMENTS: Readonly<Record<'redis' | 'redis.redisOptions' | 'redis of a Cluster', Treatments>> = {
  redis: SERVER,
  'redis.redisOptions': NODE,
  'redis of a Cluster': CLUSTER,
};

type Treatments = Readonly<Record<string, Treatment>>;

/**
 * Those of the options that ioredis is to get.
 *
 * @throws ConfigurationError for an option that ioredis does not know, or that Tally can't work with
 */
export function passedOptions<Options extends object>(where: keyof typeof TREATMENTS, options: Options): Options {
  const treatments = TREATMENTS[where];
  const passed = Object.entries(options).filter(([name, value]: [string, unknown]) => {
    const treatment = Object.hasOwn(treatments, name) ? treatments[name] : undefined;
    if (treatment === undefined) {
      throw new ConfigurationError(unknownOption(where, name, Object.keys(treatments)));
    }
    if (typeof treatment === 'object' && !isHarmless(value, treatment)) {
      throw new ConfigurationError(`${where}: the option "${name}" of ioredis can't be used: ${treatment.advice}`);
    }
    return treatment === 'passed' && value !== undefined && value !== null;
  });
  return Object.fromEntries(passed) as Options;
}

function isHarmless(value: unknown, { harmless }: Refusal): boolean {
  return value === undefined || value === null || harmless.includes(value);
}

function unknownOption(where: string, name: string, known: readonly string[]): string {
  const suggestion = nearest(name, known);
  const hint =
    suggestion === undefined ? 'see RedisOptions and ClusterOptions of ioredis' : `did you mean "${suggestion}"?`;
  return `${where}: unknown option "${name}"; ${hint}`;
}
