import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from './free-ports.js';
import { Security } from './security.js';
import type { SecurityOptions } from './security.js';
import { findSentinelFault } from './sentinel-health.js';
import { MASTER_NAME, SentinelProcess, dataServer } from './sentinel-server.js';
import type { ServerProcess } from './server-process.js';
import { untilWell } from './until-well.js';

const HEALTHY_TIMEOUT_MS = 30_000;
const QUORUM = 2;

export interface SentinelOptions {
  /** @defaultValue 2 */
  readonly replicas?: number;
  /** At least the quorum, which is 2. @defaultValue 3 */
  readonly sentinels?: number;
  /** Further settings of the master and its replicas as arguments, e.g. `['--maxmemory', '8mb']`. */
  readonly settings?: readonly string[];
  /** @defaultValue `redis-server` */
  readonly program?: string;
  /** Unset: without TLS, and the default user may do everything. */
  readonly security?: SecurityOptions | undefined;
}

/** Starts a master, its replicas and the sentinels that watch them, and waits until all know each other. */
export async function startSentinel(options: SentinelOptions = {}): Promise<SentinelSet> {
  const { replicas = 2, sentinels = 3, settings = [], program = 'redis-server' } = options;
  const folder = mkdtempSync(join(tmpdir(), 'tally-sentinel-'));
  const security = options.security && (await Security.make(folder, options.security));
  const ports = await freePorts(1 + replicas + sentinels);
  const [masterPort = NaN, ...otherPorts] = ports;
  const common = { program, folder, security };
  const set = new SentinelSet(
    folder,
    [masterPort, ...otherPorts.slice(0, replicas)].map((port) =>
      dataServer({ ...common, port, settings, masterPort: port === masterPort ? undefined : masterPort }),
    ),
    otherPorts.slice(replicas).map((port) => new SentinelProcess({ ...common, port, masterPort, quorum: QUORUM })),
    security,
  );
  try {
    await Promise.all([...set.servers, ...set.sentinels].map((it) => it.start()));
    await set.untilHealthy();
  } catch (error) {
    await set.stop();
    throw error;
  }
  return set;
}

export class SentinelSet {
  /** Tally's URL of the sentinels and the master's name. */
  readonly url: string;

  constructor(
    private readonly folder: string,
    /** The first master and its replicas, up or down. */
    readonly servers: readonly ServerProcess[],
    readonly sentinels: readonly SentinelProcess[],
    readonly security?: Security,
  ) {
    const [first, ...others] = sentinels.map(({ port }) => `127.0.0.1:${port}`);
    const nodes = others.map((address) => `node=${address}&`).join('');
    const scheme = security === undefined ? 'redis-sentinel' : 'rediss-sentinel';
    this.url = `${scheme}://${first ?? ''}?${nodes}master=${MASTER_NAME}`;
  }

  /** The server that a sentinel takes for the master, up or down. */
  async master(): Promise<ServerProcess> {
    const sentinel = this.sentinels.find((it) => it.isRunning);
    if (sentinel === undefined) {
      throw new Error('no sentinel is up: start() one');
    }
    const port = await sentinel.masterPort();
    const master = this.servers.find((server) => server.port === port);
    if (master === undefined) {
      throw new Error(`Sentinel names a master of unknown port ${port}`);
    }
    return master;
  }

  /** Waits until all sentinels that are up name one master that is up, and all other servers that are up follow it. */
  async untilHealthy(limitMs = HEALTHY_TIMEOUT_MS): Promise<void> {
    await untilWell(limitMs, () => findSentinelFault(this));
  }

  /** Ends all servers and sentinels, frozen ones too, and removes their files. */
  async stop(): Promise<void> {
    await Promise.all([...this.sentinels, ...this.servers].map((it) => it.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
