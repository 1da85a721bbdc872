import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { freePorts } from './free-ports.js';
import { Security, listenOn } from './security.js';
import type { SecurityOptions } from './security.js';
import { ServerProcess } from './server-process.js';

export interface SecureOptions extends SecurityOptions {
  /** @defaultValue `redis-server` */
  readonly program?: string;
}

/** Starts a server with TLS and ACL on loopback. */
export async function startSecure(options: SecureOptions = {}): Promise<SecureServer> {
  const { program = 'redis-server', ...securityOptions } = options;
  const folder = mkdtempSync(join(tmpdir(), 'tally-secure-'));
  let secure: SecureServer | undefined;
  try {
    const security = await Security.make(folder, securityOptions);
    const [port = NaN] = await freePorts(1);
    const server = new ServerProcess({
      program,
      port,
      commandLine: [
        ...[...listenOn(port, security), '--bind', '127.0.0.1', '--dir', folder, '--daemonize', 'no'],
        ...['--appendonly', 'yes', '--save', '', '--maxmemory-policy', 'noeviction'],
      ],
      connection: security.connection,
    });
    secure = new SecureServer(folder, server, security);
    await server.start();
    return secure;
  } catch (error) {
    await secure?.stop();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** One server that speaks TLS only and knows only the users of the test. */
export class SecureServer {
  /** Tally's URL of it, without a user. */
  readonly url: string;

  constructor(
    private readonly folder: string,
    readonly server: ServerProcess,
    readonly security: Security,
  ) {
    this.url = `rediss://127.0.0.1:${server.port}`;
  }

  get port(): number {
    return this.server.port;
  }

  get ca(): string {
    return this.security.ca;
  }

  get caFile(): string {
    return this.security.certificates.caFile;
  }

  /** A connection that may do everything. */
  get admin(): Redis {
    return this.server.connection;
  }

  /** Ends the server and removes its files. */
  async stop(): Promise<void> {
    await this.server.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
