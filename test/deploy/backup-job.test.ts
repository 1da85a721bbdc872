import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CronJob } from 'kubernetes-types/batch/v1.js';
import { expect, onTestFinished, test } from 'vitest';
import { startEmbeddedRedis } from '../../src/redis/embedded.js';
import { ownRedis, place } from '../support/tally.js';
import { ofKind } from './manifests.js';

const PASSWORD = 'a password';

/** Runs the script of the nightly job against a Redis on this machine, with a folder of it as the volume. @returns its exit code */
function runBackup(redisUrl: string, folder: string, password: string): number | null {
  const [job] = ofKind<CronJob>('CronJob');
  const [container] = job!.spec!.jobTemplate.spec!.template.spec!.containers;
  const { command = [], args = [], env = [] } = container!;
  expect(env.map(({ name }) => name)).toEqual(['REDISCLI_AUTH']);
  const script = args[0]!
    .replaceAll('/backups', folder)
    .replace('-h tally-redis', `-h 127.0.0.1 -p ${new URL(redisUrl).port}`);
  const [shell = '', ...flags] = command;
  return spawnSync(shell, [...flags, script], { env: { PATH: process.env['PATH'], REDISCLI_AUTH: password } }).status;
}

test('the nightly job leaves a copy that Redis loads, keeps fourteen, and loses none when it fails', async (context) => {
  if (spawnSync('redis-cli', ['--version']).error !== undefined) {
    context.skip("redis-cli is not on the PATH: it is in Debian's package redis-tools");
  }
  const { url } = await ownRedis();
  const here = place(url);
  await here.client.config('SET', 'requirepass', PASSWORD);
  await here.client.set(here.key('n'), '41');
  const folder = mkdtempSync(join(tmpdir(), 'tally-backup-job-'));
  const older = Array.from({ length: 15 }, (_, day) => `tally-2026-01-${String(day + 10)}T03-17.rdb`);
  for (const [day, name] of older.entries()) {
    writeFileSync(join(folder, name), '');
    utimesSync(join(folder, name), day, day);
  }

  expect(runBackup(url, folder, 'a wrong one')).not.toBe(0);
  expect(readdirSync(folder).filter((name) => name.endsWith('.rdb'))).toEqual(older);

  expect(runBackup(url, folder, PASSWORD)).toBe(0);
  const kept = readdirSync(folder).sort();
  const [copy = ''] = kept.filter((name) => !older.includes(name));
  expect(copy).toMatch(/^tally-\d{4}-\d\d-\d\dT\d\d-\d\d\.rdb$/);
  expect(kept).toEqual([...older.slice(2), copy].sort());

  const dataDir = join(folder, 'data');
  mkdirSync(dataDir);
  renameSync(join(folder, copy), join(dataDir, 'dump.rdb'));
  const restored = await startEmbeddedRedis({ dataDir, settings: ['--appendonly', 'no'] });
  onTestFinished(async () => {
    await restored.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  expect(await place(restored.url).client.get(here.key('n'))).toBe('41');
});
