import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listenOn } from './security.js';
import type { Security } from './security.js';
import { ServerProcess } from './server-process.js';

/** The name of the master in Sentinel. */
export const MASTER_NAME = 'tally';

const DOWN_AFTER_MS = 1_000;
const FAILOVER_TIMEOUT_MS = 5_000;

interface DataServerOptions {
  readonly program: string;
  readonly port: number;
  /** Folder for the files of all servers. */
  readonly folder: string;
  readonly settings: readonly string[];
  /** Port of its first master, if it begins as a replica. */
  readonly masterPort: number | undefined;
  readonly security: Security | undefined;
}

/** A server whose role Sentinel rules: Sentinel writes whose replica it is to its file, so a start keeps that. */
export function dataServer(options: DataServerOptions): ServerProcess {
  const { program, port, folder, settings, masterPort, security } = options;
  const dataDir = join(folder, String(port));
  mkdirSync(dataDir);
  const file = join(dataDir, 'server.conf');
  writeFileSync(file, masterPort === undefined ? '' : `replicaof 127.0.0.1 ${masterPort}\n`);
  return new ServerProcess({
    program,
    port,
    commandLine: [file, ...SERVER_SETTINGS, ...listenOn(port, security), '--dir', dataDir, ...settings],
    connection: { ...security?.connection },
  });
}

interface SentinelProcessOptions {
  readonly program: string;
  readonly port: number;
  readonly folder: string;
  readonly masterPort: number;
  readonly quorum: number;
  readonly security: Security | undefined;
}

export class SentinelProcess extends ServerProcess {
  constructor({ program, port, folder, masterPort, quorum, security }: SentinelProcessOptions) {
    const dataDir = join(folder, String(port));
    mkdirSync(dataDir);
    const file = join(dataDir, 'sentinel.conf');
    const lines = [
      ...['bind 127.0.0.1', `dir ${dataDir}`, 'daemonize no'],
      `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${masterPort} ${quorum}`,
      `sentinel down-after-milliseconds ${MASTER_NAME} ${DOWN_AFTER_MS}`,
      `sentinel failover-timeout ${MASTER_NAME} ${FAILOVER_TIMEOUT_MS}`,
      `sentinel parallel-syncs ${MASTER_NAME} 10`,
      ...(security?.sentinelLines(MASTER_NAME) ?? []),
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    super({
      program,
      port,
      commandLine: [file, '--sentinel', ...(security?.sentinelSettings(port) ?? ['--port', String(port)])],
      connection: { ...security?.connection },
    });
  }

  /** With shorter periods than Sentinel's: an old master that is back would stay a second master for 8 s and more. */
  override async start(): Promise<void> {
    await super.start();
    await this.run('SENTINEL', 'DEBUG', 'info-period', 500, 'publish-period', 500);
  }

  /** Port of the server that this Sentinel takes for the master. */
  async masterPort(): Promise<number> {
    const [, port] = (await this.run('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME)) as string[];
    return Number(port);
  }
}

/** `appendfsync no`: written before it is answered, so that kill -9 loses nothing but what was not replicated. */
const SERVER_SETTINGS = [
  ...['--bind', '127.0.0.1', '--daemonize', 'no'],
  ...['--appendonly', 'yes', '--appendfsync', 'no', '--save', '', '--maxmemory-policy', 'noeviction'],
  ...['--repl-diskless-sync', 'yes', '--repl-diskless-sync-delay', '0'],
];
