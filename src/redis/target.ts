import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { ClusterOptions, RedisOptions } from 'ioredis';
import { ConfigurationError } from '../errors.js';
import { passedOptions } from './ioredis-options.js';
import { decodePath, parseRedisUrl, shownUrl } from './redis-url.js';
import type { UrlParts } from './redis-url.js';

/**
 * How to reach Redis.
 *
 * - a URL: `redis://user:password@host:port/db`, `rediss://` for TLS;
 *   `redis-cluster://host:port?node=host:port&node=host:port` and `rediss-cluster://`: some nodes of a Cluster;
 *   `redis-sentinel://host:port?node=host:port&master=name` and `rediss-sentinel://`: the Sentinels, and the name under
 *   which they know the master (`mymaster` unless given); with `sentinelUsername` and `sentinelPassword` if they ask for them;
 *   `redis+unix:///path/to/redis.sock?db=0`: a Unix socket, with a user as `redis+unix://user:password@/path`.
 *   In user names, passwords and parameters `% / # ? @ : &` and spaces are percent-encoded
 * - `{ url, tls }`: the same with options of TLS, such as `{ ca }`; for tests `{ rejectUnauthorized: false }`, which takes any
 *   certificate, also that of somebody in between
 * - options of ioredis for one server, or for Sentinel (`sentinels` and `name`)
 * - `{ nodes }`, with further options of ioredis for a Cluster
 *
 * Not a connection of ioredis: Tally opens its own. Of ioredis' options some have no effect, since Tally's connections need
 * values of their own, and some are refused, see `src/redis/ioredis-options.ts`.
 */
export type RedisTarget = string | UrlTarget | ServerOptions | ClusterTarget;

export interface UrlTarget {
  readonly url: string;
  /** As of `tls.connect`: `ca`, `cert`, `key` ... Only with a URL for TLS. */
  readonly tls?: TlsOptions | undefined;
  readonly nodes?: never;
}

export type ServerOptions = Omit<RedisOptions, 'replyMapping'> & { readonly url?: never; readonly nodes?: never };

type NodeOptions = Omit<NonNullable<ClusterOptions['redisOptions']>, 'replyMapping'>;

export interface ClusterNode {
  readonly host: string;
  readonly port: number;
}

export interface ClusterTarget extends Omit<ClusterOptions, 'redisOptions'> {
  readonly url?: never;
  /** Some of the nodes: the others are learnt from them. */
  readonly nodes: readonly ClusterNode[];
  /** For the connection to each node: `username`, `password`, `tls` ... */
  readonly redisOptions?: NodeOptions | undefined;
}

export function isCluster(target: RedisTarget): boolean {
  return readTarget(target).nodes !== undefined;
}

/**
 * A target as options.
 *
 * @throws ConfigurationError for a URL that is none of these, or with a parameter that means nothing; for something else than
 * a URL or options; for options that ioredis does not know or Tally can't work with
 */
export function readTarget(target: RedisTarget): ServerOptions | ClusterTarget {
  if (typeof target === 'string') {
    return readUrl(target, undefined);
  }
  requireOptions(target);
  if (target.url !== undefined) {
    const { url, tls, ...others } = target;
    requireNothingElse(Object.keys(others));
    return readUrl(url, tls);
  }
  return target.nodes === undefined ? readServer(target) : readCluster(target);
}

function readServer({ url: _url, nodes: _nodes, ...target }: ServerOptions): ServerOptions {
  const options = passedOptions('redis', target);
  const { host, port, path, sentinels, name } = options;
  if (host === undefined && port === undefined && path === undefined && sentinels === undefined) {
    throw new ConfigurationError('redis: it does not say where Redis is: give a URL, or host and port');
  }
  requireNumber('port', port, 1, 65_535);
  requireNumber('db', options.db, 0, Number.MAX_SAFE_INTEGER);
  if (sentinels?.length === 0) {
    throw new ConfigurationError('redis: sentinels is empty: name at least one, as { host, port }');
  }
  if (sentinels !== undefined && !name) {
    throw new ConfigurationError('redis: sentinels are given, but not name: the name under which they know the master');
  }
  return options;
}

function readCluster({ url: _, ...target }: ClusterTarget): ClusterTarget {
  const { redisOptions, ...options } = passedOptions('redis of a Cluster', target);
  const { nodes } = options;
  if (!Array.isArray(nodes) || nodes.length === 0) {
    throw new ConfigurationError('nodes is empty: name at least one node of the Cluster, as { host, port }');
  }
  for (const { host, port } of nodes as Partial<ClusterNode>[]) {
    if (typeof host !== 'string' || port === undefined) {
      throw new ConfigurationError('redis: name each of nodes as { host, port }');
    }
    requireNumber('port', port, 1, 65_535);
  }
  return {
    ...options,
    ...(redisOptions && { redisOptions: passedOptions('redis.redisOptions', redisOptions) }),
  };
}

/** For callers without types. @throws ConfigurationError for what is no object of options */
function requireOptions(target: unknown): asserts target is object {
  const hint = 'give a URL, such as "redis://127.0.0.1:6379", or options of ioredis';
  if (typeof target !== 'object' || target === null || Array.isArray(target)) {
    throw new ConfigurationError(`redis: ${Array.isArray(target) ? 'this is a list' : String(target)}: ${hint}`);
  }
  if ('sendCommand' in target || 'duplicate' in target) {
    const reason = 'Tally opens connections of its own, with other settings';
    throw new ConfigurationError(`redis: this is a connection, not options. ${reason}: ${hint}`);
  }
  const prototype = Object.getPrototypeOf(target) as object | null;
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw new ConfigurationError(`redis: this is an instance of ${prototype.constructor.name}: ${hint}`);
  }
}

function requireNothingElse([name]: readonly string[]): void {
  if (name !== undefined) {
    throw new ConfigurationError(
      `redis: "${name}" stands beside url, where only tls may: put it into the URL, or give options without url`,
    );
  }
}

/** As ioredis, it takes digits too. */
function requireNumber(name: string, value: unknown, least: number, most: number): void {
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  const isGood = Number.isInteger(number) && (number as number) >= least && (number as number) <= most;
  if (value !== undefined && !isGood) {
    throw new ConfigurationError(
      `redis: ${name} is ${JSON.stringify(value)}: give a whole number from ${least} to ${most}`,
    );
  }
}

function readUrl(text: string, tls: TlsOptions | undefined): ServerOptions | ClusterTarget {
  const url = parseRedisUrl(text);
  const shown = shownUrl(text);
  const isTls = url.scheme.startsWith('rediss');
  if (tls !== undefined && !isTls) {
    throw new ConfigurationError(`${shown} is not for TLS, but options of TLS are given: write rediss`);
  }
  const access = {
    ...(url.username !== '' && { username: url.username }),
    ...(url.password !== '' && { password: url.password }),
    ...(isTls && { tls: tls ?? {} }),
  };
  if (url.scheme === 'redis+unix') {
    return { ...readSocket(url, shown), ...access };
  }
  if (url.scheme.endsWith('-cluster')) {
    requireParameters(url, shown, ['node']);
    requireNoDatabase(url, shown);
    return { nodes: nodesOf(url, shown, 6379), redisOptions: access };
  }
  const db = databaseOf(url, shown);
  if (url.scheme.endsWith('-sentinel')) {
    requireParameters(url, shown, ['node', 'master', 'sentinelUsername', 'sentinelPassword']);
    const { master = 'mymaster', ...sentinelAccess } = Object.fromEntries(
      [...url.query].filter(([name]) => name !== 'node'),
    );
    return {
      sentinels: nodesOf(url, shown, 26_379),
      name: master,
      db,
      ...access,
      ...sentinelAccess,
      ...(isTls && { enableTLSForSentinelMode: true, sentinelTLS: tls ?? {} }),
    };
  }
  requireParameters(url, shown, ['family']);
  const [{ host, port }] = nodesOf(url, shown, 6379);
  const family = url.query.get('family');
  return { host, port, db, ...access, ...(family !== null && { family: Number(family) }) };
}

/** The path of a Unix socket, and the database as a parameter. */
function readSocket(url: UrlParts, shown: string): ServerOptions {
  requireParameters(url, shown, ['db']);
  const { host, path, query } = url;
  if (host !== '' || path.length < 2) {
    throw new ConfigurationError(
      `${shown}: no host but the path of a socket belongs there, as in redis+unix:///path/to/redis.sock`,
    );
  }
  const db = query.get('db') ?? '0';
  if (!/^\d{1,5}$/.test(db)) {
    throw new ConfigurationError(
      `${shown}: the database must be a number, as in redis+unix:///path/to/redis.sock?db=0`,
    );
  }
  return { path: decodePath(path, shown), db: Number(db) };
}

function nodesOf(url: UrlParts, shown: string, defaultPort: number): [ClusterNode, ...ClusterNode[]] {
  const more = url.query.getAll('node').map((text) => nodeOf(text, shown, defaultPort));
  return [nodeOf(url.host, shown, defaultPort), ...more];
}

function nodeOf(text: string, shown: string, defaultPort: number): ClusterNode {
  const [, host, port = defaultPort] = /^(\[[\da-fA-F:.]+\]|[^:[\]/@]+)(?::(\d+))?$/.exec(text || '127.0.0.1') ?? [];
  if (host === undefined || Number(port) > 65_535) {
    throw new ConfigurationError(`${shown}: what stands for one of its nodes is none: write each as host:port`);
  }
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

function databaseOf({ path }: UrlParts, shown: string): number {
  if (path.length > 1 && !/^\/\d{1,5}$/.test(path)) {
    throw new ConfigurationError(
      `${shown}: the database must be a number, as in redis://host:port/0; a / of a password is written %2F`,
    );
  }
  return Number(path.slice(1));
}

function requireNoDatabase(url: UrlParts, shown: string): void {
  if (databaseOf(url, shown) !== 0) {
    throw new ConfigurationError(`${shown}: a Cluster has no database but 0`);
  }
}

/** Parameters that other clients know, and where the same is written here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  password: 'a password stands before the host, as in redis://USER:PASSWORD@host:port',
  username: 'a user name stands before the host, as in redis://USER:PASSWORD@host:port',
  user: 'a user name stands before the host, as in redis://USER:PASSWORD@host:port',
  db: 'the database stands behind the host, as in redis://host:port/0',
};

/** An unknown parameter may be the end of a password that holds a `?`, so its name is not repeated. */
function requireParameters({ query }: UrlParts, shown: string, known: readonly string[]): void {
  const unknown = [...query.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const hint = Object.hasOwn(ELSEWHERE, unknown) ? ELSEWHERE[unknown] : 'a ? of a password is written %3F';
    throw new ConfigurationError(
      `${shown} has a parameter that means nothing here; known: ${known.join(', ')}; ${hint ?? ''}`,
    );
  }
}

/** Where it leads to, without user names and passwords. */
export function describeTarget(target: RedisTarget): string {
  const url = typeof target === 'string' ? target : target.url;
  if (url !== undefined) {
    parseRedisUrl(url);
    return shownUrl(url);
  }
  const options = readTarget(target);
  if (options.nodes !== undefined) {
    return `redis-cluster://${options.nodes.map(({ host, port }) => `${host}:${port}`).join(',')}`;
  }
  const { sentinels, name, path, host = '127.0.0.1', port = 6379 } = options;
  if (sentinels !== undefined) {
    return `redis-sentinel://${sentinels.map((it) => `${it.host}:${it.port}`).join(',')}?master=${name}`;
  }
  return path ? `redis+unix://${path}` : `redis://${host}:${port}`;
}
