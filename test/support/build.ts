import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BOOTSTRAP = fileURLToPath(new URL('../../scripts/bootstrap.mjs', import.meta.url));

/** Tests start commands as they are built: builds them, unless nothing has changed since. */
export default function setup(): void {
  const { status } = spawnSync(process.execPath, [BOOTSTRAP], { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) {
    throw new Error('the build failed');
  }
}
