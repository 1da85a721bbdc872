import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import { DockerfileParser } from 'dockerfile-ast';
import { validate, ValidationSeverity } from 'dockerfile-utils';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { UserStore } from '../../dashboard/access/user-store.js';
import { makeUser } from '../../dashboard/access/user.js';
import { connectPromptly } from '../../src/redis/connect.js';
import { createKeys } from '../../src/redis/keys.js';
import { addKey } from '../support/api-keys.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { textOf } from './files.js';
import { buildImage, DOCKERFILE } from './image-steps.js';
import type { Image } from './image-steps.js';
import { ofKind } from './manifests.js';

/** Packages are installed and Tally is built, on a machine that does other things as well. */
const BUILD_TIMEOUT_MS = 480_000;

const folder = mkdtempSync(join(tmpdir(), 'tally-image-'));
let image: Image;

beforeAll(async () => {
  chmodSync(folder, 0o755); // for the user of the image
  image = await buildImage(folder);
}, BUILD_TIMEOUT_MS);

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('the Dockerfile has no faults, and names the version of every base image', () => {
  const faults = validate(textOf(DOCKERFILE), { deprecatedMaintainer: ValidationSeverity.ERROR });
  expect(faults).toEqual([]);
  const images = DockerfileParser.parse(textOf(DOCKERFILE)).getFROMs();
  expect(images.map((from) => from.getImage())).toEqual(images.map(() => 'node:24-bookworm-slim'));
});

test('the image holds what Tally needs to run, and no development packages', () => {
  const has = (path: string) => existsSync(join(image.workdir, path));
  expect(['node_modules/bullmq', 'dist/lua/apply.lua', 'package.json'].filter((path) => !has(path))).toEqual([]);
  const { packages } = JSON.parse(textOf('package-lock.json')) as { packages: Record<string, { dev?: true }> };
  const development = Object.keys(packages).filter((path) => packages[path]?.dev);
  expect(development.length).toBeGreaterThan(100);
  const notNeeded = [...development, 'node_modules/typescript', 'src', 'test', '.npmrc'];
  expect(notNeeded.filter(has)).toEqual([]);
});

test('the API runs in it by default, not as root, answers its probes and ends in order', async () => {
  const here = place();
  await addKey(here);
  const container = await start(here, image.command);
  expect(image.command).toEqual(['api']);
  await expectHealthyUntilStopped('tally-api', container);
});

test('a worker runs in it, applies updates, answers its probes and ends in order', async () => {
  const here = place();
  const container = await start(here, ['worker'], 'TALLY_METRICS_PORT');
  const submission = await here.producer().counters.increment({ key: here.key('n') });
  expect(await submission.outcome()).toMatchObject({ status: 'applied', result: { value: 1 } });
  await expectHealthyUntilStopped('tally-worker', container);
});

test('the dashboard runs in it, answers its probes and ends in order', async () => {
  const here = place();
  await addUser(here);
  const container = await start(here, ['dashboard']);
  await expectHealthyUntilStopped('tally-dashboard', container);
});

test('without an API key or a user, API and dashboard say what to do instead of serving everyone', async () => {
  const here = place();
  for (const [command, advice] of [
    ['api', 'tally keys create'],
    ['dashboard', 'tally users add'],
  ] as const) {
    const { ended, output } = await start(here, [command]);
    expect(await ended).toBe(2);
    expect(output()).toContain(advice);
  }
});

interface Container {
  readonly port: number;
  readonly ended: Promise<unknown>;
  readonly output: () => string;
  readonly stop: () => void;
  /** The exit code of the image's health check. */
  readonly healthCheck: () => Promise<unknown>;
}

/** Starts the image with a command, as Docker would; its port is a free one of this machine. */
async function start(
  { redis, namespace, prefix }: Place,
  command: readonly string[],
  portVariable: 'PORT' | 'TALLY_METRICS_PORT' = 'PORT',
): Promise<Container> {
  const port = await freePort();
  const names = { REDIS_URL: redis, TALLY_NAMESPACE: namespace, TALLY_PREFIX: prefix };
  const variables = { ...image.environment, ...names, [portVariable]: String(port) };
  const run = ([program = '', ...args]: readonly string[]) => {
    const environment = { PATH: process.env['PATH'], ...variables };
    return spawn(program, args, { cwd: image.workdir, env: environment, ...idsOf(image.user) });
  };
  const child = run([...image.entrypoint, ...command]);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, 'close').then(([code]: unknown[]) => code);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const healthCheck = () => once(run(image.healthCheck), 'exit').then(([code]: unknown[]) => code);
  return { port, ended, output: () => output, stop: () => child.kill('SIGTERM'), healthCheck };
}

/** Only root can become another user; for anybody else the image runs as they are. */
function idsOf(user: string): { uid?: number; gid?: number } {
  const [uid = NaN, gid = NaN] = user.split(':').map(Number);
  expect(uid).toBeGreaterThan(0);
  return process.getuid?.() === 0 ? { uid, gid } : {};
}

async function expectHealthyUntilStopped(deployment: string, { port, ended, stop, healthCheck }: Container) {
  const [container] = ofKind<Deployment>('Deployment')
    .filter(({ metadata }) => metadata!.name === deployment)
    .flatMap(({ spec }) => spec!.template.spec!.containers);
  const { startupProbe, readinessProbe, livenessProbe } = container!;
  const paths = [startupProbe, readinessProbe, livenessProbe].map((probe) => probe!.httpGet!.path);
  for (const path of paths) {
    await until(`${path ?? ''} answers 200`, () => answersOk(`http://127.0.0.1:${port}${path ?? ''}`));
  }
  expect(await healthCheck()).toBe(0);
  stop();
  expect(await ended).toBe(0);
  expect(await healthCheck()).toBe(1);
}

/** As Kubernetes asks: by an address, and for anything. */
async function answersOk(url: string): Promise<boolean> {
  const response = await fetch(url, { redirect: 'manual', headers: { accept: '*/*' } }).catch(() => undefined);
  return response?.status === 200;
}

async function addUser(here: Place): Promise<void> {
  const redis = connectPromptly(here.redis, 'test-users', 5_000, here.logger);
  await new UserStore(redis, createKeys(here)).add(await makeUser('ann', 'viewer', 'correct horse battery'));
  redis.disconnect();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
