import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { place } from '../support/tally.js';
import { pathOf } from './files.js';
import { DOCKERFILE } from './image-steps.js';

/** Packages are fetched twice and Tally is built. */
const TIMEOUT_MS = 900_000;

/** The client alone, without a server that builds, is not enough. */
const hasDocker = spawnSync('docker', ['info'], { timeout: 30_000 }).status === 0;

function docker(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('docker', args, { encoding: 'utf8' });
  expect(status, `docker ${args.join(' ')}: ${stdout}${stderr}`).toBe(0);
  return stdout.trim();
}

// Without Docker, `image.test.ts` takes the steps of the Dockerfile on this system.
test.skipIf(!hasDocker)(
  'the image is built by Docker, applies an update, is healthy and ends in order',
  async () => {
    const here = place();
    const name = `tally-test-${randomUUID()}`;
    docker('build', '--file', pathOf(DOCKERFILE), '--tag', name, pathOf('.'));
    onTestFinished(() => {
      spawnSync('docker', ['rm', '--force', name]);
      spawnSync('docker', ['rmi', name]);
    });
    const variables = {
      REDIS_URL: here.redis,
      TALLY_NAMESPACE: here.namespace,
      TALLY_PREFIX: here.prefix,
      TALLY_METRICS_PORT: '9464',
    };
    const environment = Object.entries(variables).flatMap(([variable, value]) => ['--env', `${variable}=${value}`]);
    docker('run', '--detach', '--name', name, '--network', 'host', '--read-only', ...environment, name, 'worker');

    const submission = await here.producer().counters.increment({ key: here.key('n') });
    expect(await submission.outcome({ timeoutMs: 60_000 })).toMatchObject({ status: 'applied', result: { value: 1 } });
    docker('exec', name, 'node', 'healthcheck.mjs');
    docker('stop', '-t', '40', name);
    expect(docker('inspect', '--format', '{{.State.ExitCode}}', name)).toBe('0');
  },
  TIMEOUT_MS,
);
