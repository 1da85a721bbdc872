import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { dataDir, startUp, tally } from '../support/command.js';

const PASSWORD = 'kept-from-the-neighbours';

test('a private Redis with a password answers nobody without it, and it is in no argument and no log', async () => {
  const folder = dataDir();
  const environment = { TALLY_DATA_DIR: folder, TALLY_REDIS_PASSWORD: PASSWORD, TALLY_REDIS_PORT: '0' };
  const up = await startUp(environment);
  const record = join(folder, 'redis.json');
  const { url, pid } = JSON.parse(readFileSync(record, 'utf8')) as { url: string; pid: number };
  const { hostname, port } = new URL(url);
  const stranger = new Redis({ host: hostname, port: Number(port), maxRetriesPerRequest: 0 });
  stranger.on('error', () => undefined);
  onTestFinished(() => {
    stranger.disconnect();
  });
  await expect(stranger.set('a', '1')).rejects.toThrow('NOAUTH');
  for (const file of [record, join(folder, 'redis', 'redis.conf')]) {
    expect({ file, mode: statSync(file).mode & 0o077 }).toEqual({ file, mode: 0 });
  }
  const { stdout } = spawnSync('ps', ['-o', 'args=', '-p', String(pid)]);
  expect(stdout.toString()).toContain('redis');
  expect(stdout.toString()).not.toContain(PASSWORD);

  const params = JSON.stringify({ key: 'count', by: 5 });
  const submitted = await tally(
    { TALLY_DATA_DIR: folder },
    ...['submit', 'counter.increment', '--params', params, '--wait'],
  );
  expect(submitted).toMatchObject({ code: 0 });
  const doctor = await tally({ TALLY_DATA_DIR: folder }, 'doctor');
  expect(doctor.code, doctor.stdout).toBe(0);
  expect(up.output.stdout + up.output.stderr + doctor.stdout + submitted.stdout).not.toContain(PASSWORD);
});
