import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, onTestFinished } from 'vitest';
import { judgeServer, readServerFacts } from '../../src/redis/requirements.js';

const PASSWORD = 'a password';

/**
 * Starts Redis by the command of a container, but in a folder and on a socket of its own, and expects that Tally finds
 * nothing to say against it, that nobody gets in without the password, and that the container's health check knows.
 */
export async function expectGoodRedis(command: readonly string[], healthCheck: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tally-deploy-'));
  const socket = join(folder, 'redis.sock');
  const [shell = '', flag = '', script = ''] = command;
  const here = `${script.replace('--dir /data', `--dir '${folder}'`)} --port 0 --unixsocket '${socket}'`;
  const environment = { PATH: process.env['PATH'], REDIS_PASSWORD: PASSWORD };
  const server = spawn(shell, [flag, here], { env: environment, stdio: 'ignore' });
  const ended = once(server, 'exit');
  const redis = new Redis({ path: socket, password: PASSWORD, maxRetriesPerRequest: null });
  redis.on('error', () => undefined);
  const stranger = new Redis({ path: socket, maxRetriesPerRequest: null, enableReadyCheck: false });
  stranger.on('error', () => undefined);
  onTestFinished(async () => {
    redis.disconnect();
    stranger.disconnect();
    server.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  const facts = await readServerFacts(redis);
  expect(judgeServer(facts).filter(({ level }) => level !== 'ok')).toEqual([]);
  expect(facts.maxmemoryBytes).toBeGreaterThan(0);
  await expect(stranger.get('key')).rejects.toThrow('NOAUTH');
  const check = healthCheck.replaceAll('redis-cli', `redis-cli -s '${socket}'`);
  expect(await exitCode(check, environment)).toBe(0);
  server.kill('SIGTERM');
  await ended;
  expect(await exitCode(check, environment)).toBe(1);
}

async function exitCode(script: string, environment: NodeJS.ProcessEnv): Promise<unknown> {
  const child = spawn('sh', ['-c', script], { env: environment, stdio: 'ignore' });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}
