import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Paths of PEM files. */
export interface Certificates {
  readonly caFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** Makes an authority of its own and a certificate by it for a server on 127.0.0.1 and localhost, valid for a day. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const path = (name: string) => join(folder, name);
  writeFileSync(path('server.ext'), 'subjectAltName = IP:127.0.0.1, DNS:localhost\n');
  await openssl('req -x509 -days 1 -subj /CN=Tally-test-CA', NEW_KEY, [
    '-keyout',
    path('ca.key'),
    '-out',
    path('ca.pem'),
  ]);
  await openssl('req -subj /CN=localhost', NEW_KEY, ['-keyout', path('server.key'), '-out', path('server.csr')]);
  await openssl('x509 -req -days 1 -set_serial 1', [
    ...['-in', path('server.csr'), '-CA', path('ca.pem'), '-CAkey', path('ca.key')],
    ...['-extfile', path('server.ext'), '-out', path('server.pem')],
  ]);
  return { caFile: path('ca.pem'), certificateFile: path('server.pem'), keyFile: path('server.key') };
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

async function openssl(command: string, ...args: string[][]): Promise<void> {
  await promisify(execFile)('openssl', [...command.split(' '), ...args.flat()]);
}
