import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { pino } from 'pino';
import { createWorker } from '../../src/index.js';
import { readUsed, sum } from './cluster-cost.js';
import { startServers } from './cluster-servers.js';
import type { Servers } from './cluster-servers.js';
import type { Report } from '../progress.js';

/** What a worker with nothing to do costs all nodes together, beside what they use by themselves. */
export interface Idle {
  /** Of a Cluster; undefined for one server. */
  readonly masters: number | undefined;
  readonly partitions: number | undefined;
  readonly connections: number;
  readonly commandsPerSecond: number;
  /** Microseconds of processor time in each second. */
  readonly microsPerSecond: number;
}

/** More than any interval after which something is asked again, twice. */
const LOOK_MS = 20_000;

const PLACES = [
  { masters: undefined, partitions: undefined },
  { masters: 3, partitions: 8 },
  { masters: 3, partitions: 32 },
] as const;

const logger = pino({ level: 'error' }, pino.destination(2));

interface Options {
  readonly report: Report;
  /** For the files of all servers. */
  readonly dataDir: string;
  /** Rejects when the run is to end early: the servers are stopped first. */
  readonly interrupted: Promise<never>;
}

/** Measures one worker of all queues, on one server and on a Cluster. */
export async function measureIdle({ report, dataDir, interrupted }: Options): Promise<Idle[]> {
  const found: Idle[] = [];
  for (const place of PLACES) {
    const { masters, partitions } = place;
    report(`an idle worker: ${masters ?? 'no'} masters, ${partitions ?? 'no'} partitions`);
    const servers = await startServers(masters, join(dataDir, `idle-${masters ?? 0}-${partitions ?? 0}`));
    try {
      found.push({ ...place, ...(await Promise.race([measureWorker(servers, partitions), interrupted])) });
    } finally {
      await servers.stop();
    }
  }
  return found;
}

async function measureWorker({ url, nodes }: Servers, partitions: number | undefined) {
  const alone = await usePerSecond(nodes);
  const before = await connectionsOf(nodes);
  const worker = createWorker({ redis: url, partitions, logger });
  await worker.ready();
  const working = await usePerSecond(nodes);
  const connections = (await connectionsOf(nodes)) - before;
  await worker.close();
  return {
    connections,
    commandsPerSecond: working.commands - alone.commands,
    microsPerSecond: working.micros - alone.micros,
  };
}

async function usePerSecond(nodes: readonly Redis[]): Promise<{ commands: number; micros: number }> {
  const from = await readUsed(nodes);
  await pause(LOOK_MS);
  const to = await readUsed(nodes);
  const seconds = (to.atMs - from.atMs) / 1_000;
  return {
    commands: (sum(to.commands) - sum(from.commands)) / seconds,
    micros: (to.micros - from.micros) / seconds,
  };
}

async function connectionsOf(nodes: readonly Redis[]): Promise<number> {
  const infos = await Promise.all(nodes.map((node) => node.info('clients')));
  return sum(infos.map((info) => Number(/^connected_clients:(\d+)/m.exec(info)?.[1])));
}
