import { hasReplicaLink } from './replication.js';
import { MASTER_NAME } from './sentinel-server.js';
import type { SentinelProcess } from './sentinel-server.js';
import type { ServerProcess } from './server-process.js';

interface SentinelSystem {
  readonly servers: readonly ServerProcess[];
  readonly sentinels: readonly SentinelProcess[];
}

/** Says what keeps a master, its replicas and its sentinels from working in full, `undefined` if nothing does. */
export async function findSentinelFault({ servers, sentinels }: SentinelSystem): Promise<string | undefined> {
  const livingServers = servers.filter((server) => server.isRunning);
  const livingSentinels = sentinels.filter((sentinel) => sentinel.isRunning);
  try {
    const [masterPort, ...others] = new Set(await Promise.all(livingSentinels.map((it) => it.masterPort())));
    if (others.length > 0) {
      return `the sentinels disagree on the master: ${String(masterPort)}, ${others.join(', ')}`;
    }
    const faults = await Promise.all([
      ...livingServers.map((server) => findServerFault(server, masterPort)),
      ...livingSentinels.map((it) => findViewFault(it, livingServers.length - 1, livingSentinels.length - 1)),
    ]);
    const masterFault = livingServers.some(({ port }) => port === masterPort) ? undefined : 'the master is down';
    return masterFault ?? faults.find((fault) => fault !== undefined);
  } catch (error) {
    return String(error);
  }
}

async function findServerFault(server: ServerProcess, masterPort: number | undefined): Promise<string | undefined> {
  if (server.port !== masterPort) {
    const info = String(await server.run('INFO', 'replication'));
    const follows = info.includes(`master_port:${String(masterPort)}\r\n`) && (await hasReplicaLink(server));
    return follows ? undefined : `server ${server.port} does not follow the master ${String(masterPort)}`;
  }
  const [role] = (await server.run('ROLE')) as unknown[];
  return role === 'master' ? undefined : `server ${server.port} is not the master yet`;
}

/** Whether a sentinel sees the servers and sentinels that are up, and enough of them for a failover. */
async function findViewFault(
  sentinel: SentinelProcess,
  replicas: number,
  otherSentinels: number,
): Promise<string | undefined> {
  await sentinel.run('SENTINEL', 'CKQUORUM', MASTER_NAME);
  const seen = {
    masters: countInOrder(await sentinel.run('SENTINEL', 'MASTERS')),
    replicas: countInOrder(await sentinel.run('SENTINEL', 'REPLICAS', MASTER_NAME)),
    sentinels: countInOrder(await sentinel.run('SENTINEL', 'SENTINELS', MASTER_NAME)),
  };
  const isWell = seen.masters === 1 && seen.replicas === replicas && seen.sentinels === otherSentinels;
  return isWell ? undefined : `sentinel ${sentinel.port} sees ${JSON.stringify(seen)}`;
}

/**
 * How many servers of a reply are neither down nor lost, nor in the middle of a failover. A sentinel that said of the old
 * master that it is down has the flag `master_down` for 5 s more: that is no fault of its own.
 */
function countInOrder(reply: unknown): number {
  const flags = (reply as string[][]).map((fields) => fields[fields.indexOf('flags') + 1] ?? '');
  return flags.filter((it) => !/[so]_down|disconnected|failover_in_progress/.test(it)).length;
}
