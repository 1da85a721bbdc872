import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isInstalled } from './topology/installed.js';

/** Where `scripts/other-servers.mjs` puts them. */
const FOLDER = fileURLToPath(new URL('../../node_modules/.cache/tally-servers/', import.meta.url));

/** A server beside the one that is installed. Its `program` is started in place of `redis-server`. */
interface OtherServer {
  /** As TEST_REDIS names it. */
  readonly name: string;
  readonly program: string;
}

/** A newer Redis and a Valkey, as far as they are here. */
export function otherServers(): OtherServer[] {
  const unpacked = ['redis-8', 'valkey']
    .map((name) => ({ name, program: `${FOLDER}${name}/bin/redis-server` }))
    .filter(({ program }) => existsSync(program));
  const needsInstalled = !unpacked.some(({ name }) => name === 'valkey') && isInstalled('valkey-server');
  return [...unpacked, ...(needsInstalled ? [{ name: 'valkey', program: 'valkey-server' }] : [])];
}
