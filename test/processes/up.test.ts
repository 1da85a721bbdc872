import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { createWorker } from '../../src/index.js';
import { startEmbeddedRedis } from '../../src/redis/embedded.js';
import { expectNothingLeft, hasTerminals, run, temporaryFolder, ways } from '../support/running.js';
import type { Running } from '../support/running.js';

const UPDATES = 50;

/** A running `tally up` that has just accepted updates. */
interface Up extends Running {
  readonly folder: string;
  readonly redisPid: number;
  readonly ports: readonly number[];
}

async function startUp(way: keyof typeof ways): Promise<Up> {
  const folder = temporaryFolder();
  const running = await run(ways[way]('up'), {
    until: /Tally is up/,
    environment: { TALLY_DATA_DIR: folder, PORT: '0' },
  });
  const { pid: redisPid, url } = JSON.parse(readFileSync(join(folder, 'redis.json'), 'utf8')) as {
    pid: number;
    url: string;
  };
  onTestFinished(() => {
    try {
      process.kill(redisPid, 'SIGKILL');
    } catch {
      // it has ended, as it should
    }
  });
  const [, origin = ''] = /dashboard {2}(http:[^ ]+)\/ops/.exec(running.output()) ?? [];
  const update = { operation: 'counter.increment', params: { key: 'count' } };
  const { status } = await fetch(`${origin}/v1/updates`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify(Array.from({ length: UPDATES }, () => update)),
  });
  expect(status).toBe(202);
  return { ...running, folder, redisPid, ports: [Number(new URL(origin).port), Number(new URL(url).port)] };
}

async function expectAllEnded(up: Up): Promise<void> {
  await expectNothingLeft([up.pid, up.tallyPid, up.redisPid], up.ports, up);
}

/** What was accepted is applied by whoever serves the same files next. */
async function expectNothingLost({ folder }: Up): Promise<void> {
  const server = await startEmbeddedRedis({ dataDir: join(folder, 'redis') });
  const worker = createWorker({ redis: server.url, logger: pino({ level: 'silent' }) });
  const redis = new Redis(server.url);
  try {
    await expect.poll(() => redis.get('count'), { timeout: 20_000 }).toBe(String(UPDATES));
  } finally {
    redis.disconnect();
    await worker.close();
    await server.stop();
  }
}

test.each<[what: string, way: keyof typeof ways, end: (up: Up) => void | Promise<void>]>([
  ['SIGTERM to npm', 'npm', ({ pid }) => void process.kill(pid, 'SIGTERM')],
  ['kill -9 of npm', 'npm', ({ pid }) => void process.kill(pid, 'SIGKILL')],
  ['SIGTERM to npm, with a shell between', 'npmAndShell', ({ pid }) => void process.kill(pid, 'SIGTERM')],
  ['kill -9 of npm, with a shell between', 'npmAndShell', ({ pid }) => void process.kill(pid, 'SIGKILL')],
  ['SIGTERM to the shell of a script', 'shell', ({ pid }) => void process.kill(pid, 'SIGTERM')],
  ['kill -9 of the shell of a script', 'shell', ({ pid }) => void process.kill(pid, 'SIGKILL')],
  ['SIGHUP', 'alone', ({ pid }) => void process.kill(pid, 'SIGHUP')],
  ['kill -9 of Tally itself', 'alone', ({ pid }) => void process.kill(pid, 'SIGKILL')],
])('%s: within 5 s nothing is left of tally up, and nothing is lost', async (_what, way, end) => {
  const up = await startUp(way);
  await end(up);
  await expectAllEnded(up);
  await expectNothingLost(up);
});

test('Ctrl-C twice: the same, however soon after another', async () => {
  for (const pauseMs of [1, 600]) {
    const up = await startUp('alone');
    process.kill(up.tallyPid, 'SIGINT');
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    try {
      process.kill(up.tallyPid, 'SIGINT');
    } catch {
      // it has ended already
    }
    await expectAllEnded(up);
    await expectNothingLost(up);
  }
});

test('Ctrl-C reaches Tally twice through npm, and it stops in order all the same', async () => {
  const up = await startUp('npm');
  process.kill(-up.pid, 'SIGINT'); // as a terminal does, to all of its foreground
  await expectAllEnded(up);
  expect(await up.ended).toEqual([0, null]);
  await expectNothingLost(up);
});

test.skipIf(!hasTerminals)('a closed terminal: the same', async () => {
  const up = await startUp('terminal');
  process.kill(up.pid, 'SIGKILL');
  await expectAllEnded(up);
  await expectNothingLost(up);
});
