import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createMetrics } from '../../src/index.js';
import { freePort } from '../../src/redis/embedded.js';
import { tally } from '../support/command.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';
import { ownRedis, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

/** What cannot be written is told by the gauges and by doctor: of a real Redis whose folder is gone, or whose files may not grow. */

/** The gauges `tally_redis_aof_failing` and `tally_redis_snapshot_failing`, read anew each time. */
function failingOf({ redis, namespace, prefix, logger }: Place): () => Promise<object> {
  const metrics = createMetrics({ redis, namespace, prefix, logger });
  onTestFinished(() => metrics.close());
  return async () => {
    const text = await metrics.text();
    const gauge = (name: string) => new RegExp(`^tally_redis_${name}_failing\\{[^}]*\\} (\\d)$`, 'm').exec(text)?.[1];
    return { aof: gauge('aof'), snapshot: gauge('snapshot') };
  };
}

async function untilFailing(here: Place, expected: { aof: '0' | '1'; snapshot: '0' | '1' }): Promise<void> {
  const failing = failingOf(here);
  await until(JSON.stringify(expected), async () => JSON.stringify(await failing()) === JSON.stringify(expected));
}

const doctor = async ({ redis, namespace, prefix }: Place) => {
  const { stdout } = await tally({ REDIS_URL: redis, TALLY_NAMESPACE: namespace, TALLY_PREFIX: prefix }, 'doctor');
  return stdout.replace(/\s+/g, ' ');
};

test.each([
  {
    what: 'a snapshot',
    write: 'bgsave',
    failing: { aof: '0', snapshot: '1' },
    said: 'WARN persistence the last snapshot could not be written',
  },
  {
    what: 'a rewrite of the append-only file',
    write: 'bgrewriteaof',
    failing: { aof: '1', snapshot: '0' },
    said: 'WARN persistence the append-only file could not be rewritten the last time',
  },
] as const)('$what that failed is told, until one goes well', async ({ write, failing, said }) => {
  const redis = await ownRedis(['--enable-protected-configs', 'yes']);
  const here = place(redis.url);
  await untilFailing(here, { aof: '0', snapshot: '0' });
  const [, usual = ''] = await here.client.config('GET', 'dir');
  const folder = mkdtempSync(join(tmpdir(), 'tally-no-disk-'));
  await here.client.config('SET', 'dir', folder);
  rmSync(folder, { recursive: true });
  await here.client[write]().catch(() => undefined); // some versions find out at once
  await untilFailing(here, failing);
  expect(await doctor(here)).toContain(said);

  await here.client.config('SET', 'dir', usual);
  await here.client[write]();
  await untilFailing(here, { aof: '0', snapshot: '0' });
  expect(await doctor(here)).toContain('ok persistence the append-only file is on');
});

test('an append-only file that can not be written is told', async () => {
  skipUnlessOneServer('it needs a server of its own');
  const here = place(await redisWithShortFiles());
  await untilFailing(here, { aof: '0', snapshot: '0' });
  await here.client.set(here.key('long'), 'x'.repeat(100_000));
  await untilFailing(here, { aof: '1', snapshot: '0' });
  expect(await doctor(here)).toMatch(/FAIL .*MISCONF Errors writing to the AOF file/);
});

/** A Redis none of whose files may have more than 50 KiB, as on a full disk. */
async function redisWithShortFiles(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'tally-no-room-'));
  const port = await freePort();
  const settings = `--port ${port} --dir ${folder} --appendonly yes --save '' --maxmemory-policy noeviction`;
  const server = spawn('sh', ['-c', `trap '' XFSZ; ulimit -f 100; exec redis-server ${settings}`], { stdio: 'ignore' });
  const ended = once(server, 'exit');
  onTestFinished(async () => {
    server.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true });
  });
  return `redis://127.0.0.1:${port}`;
}
