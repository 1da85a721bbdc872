import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { listenOn } from './security.js';
import type { Security } from './security.js';
import { ServerProcess } from './server-process.js';

interface ClusterNodeOptions {
  readonly program: string;
  readonly port: number;
  /** Folder for the files of all nodes. */
  readonly folder: string;
  readonly settings: readonly string[];
  readonly security: Security | undefined;
}

/** One server of a Redis Cluster. As a replica it answers reads itself, so that a test sees what it holds. */
export class ClusterNode extends ServerProcess {
  /** By which it is let in by another node to which it moves keys, as arguments of MIGRATE. */
  readonly migration: readonly string[];
  readonly #nodesFile: string;
  #id = '';

  constructor({ program, port, folder, settings, security }: ClusterNodeOptions) {
    const dataDir = join(folder, String(port));
    mkdirSync(dataDir);
    super({
      program,
      port,
      commandLine: [...CLUSTER_SETTINGS, ...listenOn(port, security), '--dir', dataDir, ...settings],
      connection: { readOnly: true, connectionName: NODE_CONNECTION, ...security?.connection },
    });
    this.migration = security?.migration ?? [];
    this.#nodesFile = join(dataDir, 'nodes.conf');
  }

  /** The node's id in the cluster, empty before its first start. */
  get id(): string {
    return this.#id;
  }

  /** What it reads at its next start of the cluster, in the lines of CLUSTER NODES with more in the second word. */
  readNodesFile(): string {
    return readFileSync(this.#nodesFile, 'utf8');
  }

  override async start(): Promise<void> {
    await super.start();
    this.#id = String(await this.run('CLUSTER', 'MYID'));
  }
}

/** What a test's own connection to a node is called in CLIENT LIST. */
export const NODE_CONNECTION = 'cluster-node';

/** `appendfsync no`: written before it is answered, so that kill -9 loses nothing but what was not replicated. */
const CLUSTER_SETTINGS = [
  ...['--bind', '127.0.0.1', '--cluster-announce-ip', '127.0.0.1', '--daemonize', 'no'],
  ...['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'],
  ...['--appendonly', 'yes', '--appendfsync', 'no', '--save', '', '--maxmemory-policy', 'noeviction'],
  ...['--repl-diskless-sync', 'yes', '--repl-diskless-sync-delay', '0'],
];
