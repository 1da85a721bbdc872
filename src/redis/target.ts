import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { ClusterOptions, RedisOptions } from 'ioredis';
import { ConfigurationError } from '../errors.js';

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
 * @throws ConfigurationError for a URL that is none of these, or with a parameter that means nothing
 */
export function readTarget(target: RedisTarget): ServerOptions | ClusterTarget {
  if (typeof target === 'string') {
    return readUrl(target, undefined);
  }
  if (target.nodes?.length === 0) {
    throw new ConfigurationError('nodes is empty: name at least one node of the Cluster, as { host, port }');
  }
  return target.url === undefined ? target : readUrl(target.url, target.tls);
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
