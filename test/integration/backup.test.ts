import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startEmbeddedRedis } from '../../src/redis/embedded.js';
import { ownRedis, place } from '../support/tally.js';

/** The steps of docs/operations.md, with the commands that stand there. */

function run(program: string, ...args: string[]): void {
  const { status, stdout, stderr } = spawnSync(program, args);
  expect(status, `${program} ${args.join(' ')}: ${String(stdout)}${String(stderr)}`).toBe(0);
}

const increment = (key: string) => ({ operation: 'counter.increment' as const, params: { key } });

test('a copy is taken from a running Redis and restored elsewhere: what it holds is complete, and what came later counts once when it is sent again', async (context) => {
  if (spawnSync('redis-cli', ['--version']).error !== undefined) {
    context.skip("redis-cli is not on the PATH: it is in Debian's package redis-tools");
  }
  const before = await ownRedis();
  const here = place(before.url);
  const folder = mkdtempSync(join(tmpdir(), 'tally-backup-'));
  const producer = here.producer();
  const worker = await here.worker();
  const key = here.key('n');
  await (await producer.submit({ ...increment(key), idempotencyKey: 'before-the-copy' })).outcome();
  await worker.close();
  const waiting = await producer.submit({ ...increment(key), idempotencyKey: 'waits-in-the-copy' });

  const copy = join(folder, 'tally.rdb');
  run('redis-cli', '-u', before.url, '--rdb', copy);
  run('redis-check-rdb', copy);

  const late = await here.worker();
  await waiting.outcome();
  await (await producer.submit({ ...increment(key), idempotencyKey: 'after-the-copy' })).outcome();
  expect(await here.client.get(key)).toBe('3');
  await late.close();
  await producer.close();
  await before.stop();

  const dataDir = join(folder, 'data');
  mkdirSync(dataDir);
  renameSync(copy, join(dataDir, 'dump.rdb'));
  const restored = await startEmbeddedRedis({ dataDir, settings: ['--appendonly', 'no'] }); // else it would begin empty
  onTestFinished(async () => {
    await restored.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const there = place(restored.url);
  const names = { namespace: here.namespace, prefix: here.prefix };
  expect(await there.client.get(key)).toBe('1');
  await there.client.config('SET', 'appendonly', 'yes');
  const producer2 = there.producer(names);
  // Now two jobs of this key wait: that of the copy, and this one. Without a worker no look-up could have kept it from being one.
  const resent = await producer2.submit({ ...increment(key), idempotencyKey: 'waits-in-the-copy' });
  const worker2 = await there.worker(names);
  expect(await resent.outcome({ timeoutMs: 60_000 })).toMatchObject({ status: 'applied' }); // whichever of the two came first
  const outcomeOf = async (idempotencyKey: string) =>
    (await producer2.submit({ ...increment(key), idempotencyKey })).outcome({ timeoutMs: 60_000 });
  expect(await outcomeOf('before-the-copy')).toMatchObject({ status: 'applied', duplicate: true });
  expect(await outcomeOf('waits-in-the-copy')).toMatchObject({ status: 'applied', duplicate: true });
  expect(await outcomeOf('after-the-copy')).toMatchObject({ status: 'applied' });
  expect(await outcomeOf('after-the-copy')).toMatchObject({ status: 'applied', duplicate: true });
  expect(await there.client.get(key)).toBe('3');
  await worker2.close();
});
