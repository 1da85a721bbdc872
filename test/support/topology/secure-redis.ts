import { readFileSync } from 'node:fs';
import { aclRules, ROLES } from '../../../src/doctor/acl-needs.js';
import type { Role } from '../../../src/doctor/acl-needs.js';
import { startCluster } from './cluster.js';
import { isInstalled } from './installed.js';
import { startSecure } from './secure.js';
import type { Security } from './security.js';
import { startSentinel } from './sentinel.js';
import type { ServerProcess } from './server-process.js';

/** A Redis with TLS and a user for each role, whatever it is made of. */
export interface SecureRedis {
  /** Tally's URL, without a user. */
  readonly url: string;
  readonly security: Security;
  /** Of which each writes down what it refuses. */
  readonly servers: readonly ServerProcess[];
  stop(): Promise<void>;
}

export interface SecureKind {
  readonly kind: string;
  readonly start: () => Promise<SecureRedis>;
  /** What the user of a role may do. */
  readonly rulesOf: (role: Role) => string;
}

export const roles = Object.keys(ROLES) as Role[];

/** Redis 7.0, which does not know all commands. */
const OLD = [7, 0] as const;

export const REDIS = serverOf('redis-server', OLD);

/** Where it is installed. */
export const VALKEY = isInstalled('valkey-server') ? [serverOf('valkey-server', undefined)] : [];

/** Six nodes that ask for certificates of clients. */
export const CLUSTER = {
  kind: 'Cluster',
  start: async () => {
    const cluster = await startCluster({ security: { users: usersOf(OLD), asksForCertificates: true } });
    return { ...partsOf(cluster), url: cluster.url, servers: cluster.nodes, cluster };
  },
  rulesOf: rulesOf(OLD),
} satisfies SecureKind;

/** Three servers and three Sentinels that ask for certificates of clients. */
export const SENTINEL = {
  kind: 'Sentinel',
  start: async () => {
    const security = { users: usersOf(OLD), sentinelUsers: [sentinelUser()], asksForCertificates: true };
    const set = await startSentinel({ security });
    const url = `${set.url}&sentinelUsername=tally&sentinelPassword=secret`;
    return { ...partsOf(set), url, servers: [...set.servers, ...set.sentinels], set };
  },
  rulesOf: rulesOf(OLD),
} satisfies SecureKind;

/** The URL for a user. */
export function urlAs(url: string, user: string, password = 'secret'): string {
  return url.replace('://', `://${user}:${password}@`);
}

/** The environment of a process that is this user. */
export function environmentAs({ url, security }: SecureRedis, user: string): Record<string, string> {
  return { REDIS_URL: urlAs(url, user), PORT: '0', ...security.environment };
}

/** What was refused since the last call, by any of the servers. */
export async function refusals({ servers }: Pick<SecureRedis, 'servers'>): Promise<string[]> {
  const logs = await Promise.all(
    servers.map(async (server) => {
      const log = (await server.run('ACL', 'LOG')) as unknown[][];
      await server.run('ACL', 'LOG', 'RESET');
      return log;
    }),
  );
  return logs.flat().map((fields) => {
    const entry = new Map(Array.from({ length: fields.length / 2 }, (_, at) => [fields[2 * at], fields[2 * at + 1]]));
    return ['username', 'reason', 'context', 'object'].map((name) => String(entry.get(name))).join(' ');
  });
}

type Version = readonly [number, number] | undefined;

function serverOf(program: string, version: Version): SecureKind {
  return {
    kind: program,
    start: async () => {
      const server = await startSecure({ program, users: usersOf(version) });
      return { ...partsOf(server), url: server.url, servers: [server.server] };
    },
    rulesOf: rulesOf(version),
  };
}

function partsOf(of: {
  readonly security?: Security | undefined;
  stop(): Promise<void>;
}): Pick<SecureRedis, 'security' | 'stop'> {
  return { security: of.security!, stop: () => of.stop() };
}

function rulesOf(version: Version): (role: Role) => string {
  return (role) =>
    aclRules([role], { namespace: 'tally', prefix: 'tally-queues', cells: ['stock:*', 'xp:*', 'load:*'], version });
}

function usersOf(version: Version): string[] {
  return roles.map((role) => `user ${role} on >secret ${rulesOf(version)(role)}`);
}

/** The user of Sentinels in docs/redis-acl.md. */
function sentinelUser(): string {
  const page = readFileSync(new URL('../../../docs/redis-acl.md', import.meta.url), 'utf8');
  const line = page.split('\n').find((text) => text.startsWith('user tally on ')) ?? '';
  return line.replace('>PASSWORD', '>secret').replace(' +client|setinfo', ''); // which Redis 7.0 does not know
}
