import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCertificates } from './certificates.js';
import type { Certificates } from './certificates.js';

export interface SecurityOptions {
  /** Users of each server as lines of an ACL file, e.g. `user tally on >secret ~* +@all`. @defaultValue none */
  readonly users?: readonly string[];
  /** Users of each Sentinel. @defaultValue none */
  readonly sentinelUsers?: readonly string[];
  /** Whether clients must show a certificate. @defaultValue false */
  readonly asksForCertificates?: boolean;
  /** Whom the servers' certificates are for, as OpenSSL writes it. @defaultValue 127.0.0.1 and localhost */
  readonly names?: string;
}

/**
 * Makes servers of any kind secure: they speak TLS only, to each other too, and know only the users of the test beside those
 * that they are to each other. The default user is off.
 */
export class Security {
  /** The certificate of the authority that signed the others, as PEM text. */
  readonly ca: string;

  private constructor(
    private readonly folder: string,
    private readonly password: string,
    private readonly asksForCertificates: boolean,
    readonly certificates: Certificates,
  ) {
    this.ca = readFileSync(certificates.caFile, 'utf8');
  }

  /** Makes the files for it in a folder. */
  static async make(parent: string, options: SecurityOptions): Promise<Security> {
    const { users = [], sentinelUsers = [], asksForCertificates = false, names } = options;
    const folder = join(parent, 'security');
    mkdirSync(folder);
    const password = randomBytes(12).toString('hex');
    const admin = [DEFAULT_USER, `user admin on >${password} ~* &* +@all`];
    const peers = Object.entries(PEERS).map(([name, rules]) => `user ${name} on >${password} ${rules}`);
    writeFileSync(join(folder, 'servers.acl'), [...admin, ...peers, ...users, ''].join('\n'));
    writeFileSync(join(folder, 'sentinels.acl'), [...admin, ...sentinelUsers, ''].join('\n'));
    return new Security(folder, password, asksForCertificates, await makeCertificates(folder, names));
  }

  /** What a client of these servers gives to TLS. */
  get tls() {
    const { certificateFile, keyFile } = this.certificates.client;
    return {
      ca: this.ca,
      ...(this.asksForCertificates && {
        cert: readFileSync(certificateFile, 'utf8'),
        key: readFileSync(keyFile, 'utf8'),
      }),
    };
  }

  /** The same as environment variables of Tally. */
  get environment(): Record<string, string> {
    const { caFile, client } = this.certificates;
    return {
      TALLY_REDIS_CA_FILE: caFile,
      ...(this.asksForCertificates && {
        TALLY_REDIS_CERT_FILE: client.certificateFile,
        TALLY_REDIS_KEY_FILE: client.keyFile,
      }),
    };
  }

  /** Options of a connection that may do everything. */
  get connection() {
    return { tls: { ...this.tls, servername: 'localhost' }, username: 'admin', password: this.password };
  }

  /** Arguments of MIGRATE, by which one server is let in by another. */
  get migration(): string[] {
    return ['AUTH2', 'admin', this.password];
  }

  /** Arguments of a server in place of `--port`. */
  serverSettings(port: number): string[] {
    return [
      ...this.#settings(port, 'servers.acl'),
      ...['--tls-cluster', 'yes', '--masteruser', 'replica', '--masterauth', this.password],
    ];
  }

  /** Arguments of a Sentinel in place of `--port`. */
  sentinelSettings(port: number): string[] {
    return this.#settings(port, 'sentinels.acl');
  }

  /** Lines for the file of a Sentinel, by which it gets access to a master with its replicas, and to other Sentinels. */
  sentinelLines(masterName: string): string[] {
    return [
      ...[`sentinel auth-user ${masterName} sentinel`, `sentinel auth-pass ${masterName} ${this.password}`],
      ...['sentinel sentinel-user admin', `sentinel sentinel-pass ${this.password}`],
    ];
  }

  #settings(port: number, aclFile: string): string[] {
    const { caFile, server } = this.certificates;
    return [
      ...['--port', '0', '--tls-port', String(port), '--tls-replication', 'yes'],
      ...['--tls-cert-file', server.certificateFile, '--tls-key-file', server.keyFile, '--tls-ca-cert-file', caFile],
      ...['--tls-auth-clients', this.asksForCertificates ? 'yes' : 'no', '--aclfile', join(this.folder, aclFile)],
    ];
  }
}

/** As docs/redis-acl.md has it. */
const DEFAULT_USER = 'user default off ~* &* +@all';

/** Users of servers and Sentinels, as the documentation of Redis has them. */
const PEERS = {
  replica: 'resetchannels -@all +psync +replconf +ping',
  sentinel:
    'allchannels -@all +multi +slaveof +ping +exec +subscribe +config|rewrite +role +publish +info +client|setname +client|kill +script|kill',
};

/** Settings of a server that listens on a port, secure or not. */
export function listenOn(port: number, security: Security | undefined): string[] {
  return security?.serverSettings(port) ?? ['--port', String(port)];
}
