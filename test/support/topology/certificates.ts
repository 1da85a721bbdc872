import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Paths of PEM files. */
export interface Certificates {
  readonly caFile: string;
  readonly server: Certificate;
  readonly client: Certificate;
}

interface Certificate {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** A server on loopback, by its address and by its name. */
const BY_ADDRESS_AND_NAME = 'IP:127.0.0.1, DNS:localhost';

/**
 * Makes an authority of its own, and a certificate by it for servers and one for clients, valid for a day.
 *
 * @param names of the servers, as OpenSSL writes them
 */
export async function makeCertificates(folder: string, names = BY_ADDRESS_AND_NAME): Promise<Certificates> {
  const caFile = join(folder, 'ca.pem');
  await openssl('req -x509 -days 1 -subj /CN=Tally-test-CA', NEW_KEY, [
    ...['-keyout', join(folder, 'ca.key'), '-out', caFile],
  ]);
  return {
    caFile,
    server: await sign(folder, 'server', `subjectAltName = ${names}`),
    client: await sign(folder, 'client', 'extendedKeyUsage = clientAuth'),
  };
}

/** Makes a certificate that the authority of a folder has signed. */
async function sign(folder: string, name: string, extension: string): Promise<Certificate> {
  const path = (ending: string) => join(folder, `${name}.${ending}`);
  writeFileSync(path('ext'), `${extension}\n`);
  await openssl(`req -subj /CN=tally-${name}`, NEW_KEY, ['-keyout', path('key'), '-out', path('csr')]);
  await openssl('x509 -req -days 1 -CAcreateserial', [
    ...['-in', path('csr'), '-CA', join(folder, 'ca.pem'), '-CAkey', join(folder, 'ca.key')],
    ...['-extfile', path('ext'), '-out', path('pem')],
  ]);
  return { certificateFile: path('pem'), keyFile: path('key') };
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

async function openssl(command: string, ...args: string[][]): Promise<void> {
  await promisify(execFile)('openssl', [...command.split(' '), ...args.flat()]);
}
