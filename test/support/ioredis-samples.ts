import { SentinelConnector } from 'ioredis';
import type { ClusterOptions, RedisOptions } from 'ioredis';
import { TREATMENTS } from '../../src/redis/ioredis-options.js';

type Where = keyof typeof TREATMENTS;

const never = () => null;

/** For each option of ioredis a value that would change something, and often break something. */
export const SAMPLES: Readonly<Record<string, unknown>> = {
  host: '127.0.0.1',
  port: 6379,
  path: '/tmp/redis.sock',
  family: 4,
  db: 3,
  username: 'ann',
  password: 'secret',
  tls: {},
  Connector: SentinelConnector,
  protocol: 2,
  connectTimeout: 5_000,
  disconnectTimeout: 100,
  socketTimeout: 1_000,
  maxLoadingRetryTime: 100,
  keepAlive: 1_000,
  noDelay: false,
  disableClientInfo: true,
  clientInfoTag: 'tag',
  showFriendlyErrorStack: true,
  sentinels: [{ host: '127.0.0.1', port: 26_379 }],
  name: 'shop',
  sentinelUsername: 'ann',
  sentinelPassword: 'secret',
  sentinelTLS: {},
  enableTLSForSentinelMode: true,
  natMap: {},
  updateSentinels: false,
  sentinelRetryStrategy: never,
  sentinelReconnectStrategy: never,
  sentinelCommandTimeout: 5_000,
  sentinelMaxConnections: 2,
  failoverDetector: true,
  preferredSlaves: [],
  commandTimeout: 500,
  blockingTimeout: 100,
  blockingTimeoutGrace: 1,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  offlineQueue: false,
  commandQueue: false,
  lazyConnect: true,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  enableReadyCheck: false,
  reconnectOnError: () => true,
  retryStrategy: never,
  stringNumbers: true,
  replyMapping: 'resp3',
  enableAutoPipelining: true,
  autoPipeliningIgnoredCommands: ['get'],
  connectionName: 'mine',
  keyPrefix: 'mine:',
  readOnly: true,
  role: 'slave',
  monitor: true,
  scripts: { mine: { lua: 'return 1' } },
  himportFieldsets: [{ name: 'mine', fields: ['a'] }],
  nodes: [{ host: '127.0.0.1', port: 6379 }],
  redisOptions: { disableClientInfo: true },
  dnsLookup: (host: string, done: (...args: unknown[]) => void) => {
    done(null, host);
  },
  useSRVRecords: false,
  resolveSrv: never,
  clusterRetryStrategy: never,
  clusterNodeRetryStrategy: () => 10,
  retryDelayOnMoved: 10,
  slotsRefreshTimeout: 2_000,
  slotsRefreshInterval: 500,
  shardedSubscribers: true,
  maxRedirections: 0,
  retryDelayOnFailover: 0,
  retryDelayOnClusterDown: 0,
  retryDelayOnTryAgain: 0,
  scaleReads: 'slave',
} satisfies Record<keyof RedisOptions | keyof ClusterOptions | 'nodes', unknown>;

export function passedNames(where: Where): string[] {
  return namesOf(where, (treatment) => treatment === 'passed');
}

export function ownedNames(where: Where): string[] {
  return namesOf(where, (treatment) => treatment === 'owned');
}

export function refusedNames(where: Where): string[] {
  return namesOf(where, (treatment) => typeof treatment === 'object');
}

function namesOf(where: Where, fits: (treatment: unknown) => boolean): string[] {
  return Object.entries(TREATMENTS[where]).flatMap(([name, treatment]) => (fits(treatment) ? [name] : []));
}
