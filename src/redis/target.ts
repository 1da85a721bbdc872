import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { ClusterOptions, RedisOptions } from 'ioredis';
import { ConfigurationError } from '../errors.js';
import { passedOptions } from './ioredis-options.js';

/**
 * How to reach Redis.
 *
 * - a URL: `redis://user:password@host:port/db`, `rediss://` for TLS;
 *   `redis-cluster://host:port?node=host:port&node=host:port` and `rediss-cluster://`: some nodes of a Cluster;
 *   `redis-sentinel://host:port?node=host:port&master=name` and `rediss-sentinel://`: the Sentinels, and the name under
 *   which they know the master (`mymaster` unless given); with `sentinelUsername` and `sentinelPassword` if they ask for them
 * - `{ url, tls }`: the same with options of TLS, such as `{ ca }`
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

/** The URL schemes that are understood. */
export const URL_PROTOCOL = /^rediss?(-cluster|-sentinel)?$/;

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
  const url = parseUrl(text);
  const isTls = url.protocol.startsWith('rediss');
  if (tls !== undefined && !isTls) {
    throw new ConfigurationError(`${describeUrl(url)} is not for TLS, but options of TLS are given: write rediss`);
  }
  const access = {
    ...(url.username !== '' && { username: decodeURIComponent(url.username) }),
    ...(url.password !== '' && { password: decodeURIComponent(url.password) }),
    ...(isTls && { tls: tls ?? {} }),
  };
  if (url.protocol.endsWith('-cluster:')) {
    requireParameters(url, ['node']);
    requireNoDatabase(url);
    return { nodes: nodesOf(url, 6379), redisOptions: access };
  }
  const db = databaseOf(url);
  if (url.protocol.endsWith('-sentinel:')) {
    requireParameters(url, ['node', 'master', 'sentinelUsername', 'sentinelPassword']);
    const { master = 'mymaster', ...sentinelAccess } = Object.fromEntries(
      [...url.searchParams].filter(([name]) => name !== 'node'),
    );
    return {
      ...{ sentinels: nodesOf(url, 26_379), name: master, db, ...access, ...sentinelAccess },
      ...(isTls && { enableTLSForSentinelMode: true, sentinelTLS: tls ?? {} }),
    };
  }
  requireParameters(url, ['family']);
  const [{ host, port }] = nodesOf(url, 6379);
  const family = url.searchParams.get('family');
  return { host, port, db, ...access, ...(family !== null && { family: Number(family) }) };
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !URL_PROTOCOL.test(url.protocol.slice(0, -1))) {
    throw new ConfigurationError(
      `"${text.replace(/:[^:@/]+@/, ':***@')}" is no URL of Redis: write redis://host:port, ` +
        'redis-cluster://host:port?node=host:port or redis-sentinel://host:port?master=name, with rediss in place of redis for TLS',
    );
  }
  return url;
}

function nodesOf(url: URL, defaultPort: number): [ClusterNode, ...ClusterNode[]] {
  const more = url.searchParams.getAll('node').map((text) => nodeOf(text, url, defaultPort));
  return [nodeOf(url.host, url, defaultPort), ...more];
}

function nodeOf(text: string, url: URL, defaultPort: number): ClusterNode {
  const [, host, port = defaultPort] = /^(\[[\da-fA-F:.]+\]|[^:[\]/@]+)(?::(\d+))?$/.exec(text || '127.0.0.1') ?? [];
  if (host === undefined) {
    throw new ConfigurationError(`${describeUrl(url)}: "${text}" is no node: write host:port`);
  }
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

function databaseOf(url: URL): number {
  const [, database = '0'] = /^\/(\d*)$/.exec(url.pathname || '/') ?? [];
  if (url.pathname.length > 1 && !/^\/\d+$/.test(url.pathname)) {
    throw new ConfigurationError(`${describeUrl(url)}: the database must be a number, as in redis://host:port/0`);
  }
  return Number(database);
}

function requireNoDatabase(url: URL): void {
  if (databaseOf(url) !== 0) {
    throw new ConfigurationError(`${describeUrl(url)}: a Cluster has no database but 0`);
  }
}

function requireParameters(url: URL, known: readonly string[]): void {
  const unknown = [...url.searchParams.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new ConfigurationError(`${describeUrl(url)}: unknown parameter "${unknown}"; known: ${known.join(', ')}`);
  }
}

/** Where it leads to, without passwords. */
export function describeTarget(target: RedisTarget): string {
  const url = typeof target === 'string' ? target : target.url;
  if (url !== undefined) {
    return describeUrl(parseUrl(url));
  }
  const options = readTarget(target);
  if (options.nodes !== undefined) {
    return `redis-cluster://${options.nodes.map(({ host, port }) => `${host}:${port}`).join(',')}`;
  }
  const { sentinels, name, host = '127.0.0.1', port = 6379 } = options;
  return sentinels === undefined
    ? `redis://${host}:${port}`
    : `redis-sentinel://${sentinels.map((it) => `${it.host}:${it.port}`).join(',')}?master=${name}`;
}

function describeUrl(url: URL): string {
  const shown = new URL(url);
  if (shown.password !== '') {
    shown.password = '***';
  }
  shown.search = shown.search.replace(/(sentinelPassword=)[^&]*/g, '$1***');
  return shown.href;
}
