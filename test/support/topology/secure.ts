import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { makeCertificates } from './certificates.js';
import { freePorts } from './free-ports.js';
import { ServerProcess } from './server-process.js';

export interface SecureOptions {
  /** Users as lines of an ACL file, e.g. `user tally on >secret ~* +@all`. @defaultValue none */
  readonly users?: readonly string[];
  /** @defaultValue `redis-server` */
  readonly program?: string;
}

/** A server that speaks TLS only and knows only the users of the test. */
export interface SecureServer {
  readonly port: number;
  /** The certificate of the authority that signed the server's. */
  readonly caFile: string;
  /** The same as PEM text. */
  readonly ca: string;
  /** A connection that may do everything. */
  readonly admin: Redis;
  /** Ends the server and removes its files. */
  stop(): Promise<void>;
}

/** Starts a server with TLS and ACL on loopback. Clients need no certificate; the default user is off. */
export async function startSecure({ users = [], program = 'redis-server' }: SecureOptions = {}): Promise<SecureServer> {
  const folder = mkdtempSync(join(tmpdir(), 'tally-secure-'));
  const removeFolder = () => {
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const { caFile, certificateFile, keyFile } = await makeCertificates(folder);
    const ca = readFileSync(caFile, 'utf8');
    const password = randomBytes(12).toString('hex');
    const aclFile = join(folder, 'users.acl');
    writeFileSync(aclFile, ['user default off', `user admin on >${password} ~* &* +@all`, ...users, ''].join('\n'));
    const [port = NaN] = await freePorts(1);
    const server = new ServerProcess({
      program,
      port,
      commandLine: [
        ...['--port', '0', '--tls-port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--daemonize', 'no'],
        ...['--tls-cert-file', certificateFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', caFile],
        ...['--tls-auth-clients', 'no', '--aclfile', aclFile],
        ...['--appendonly', 'yes', '--save', '', '--maxmemory-policy', 'noeviction'],
      ],
      connection: { tls: { ca }, username: 'admin', password },
    });
    await server.start();
    const stop = async () => {
      await server.kill();
      removeFolder();
    };
    return { port, caFile, ca, admin: server.connection, stop };
  } catch (error) {
    removeFolder();
    throw error;
  }
}
