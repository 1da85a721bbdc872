import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, closeSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(
  new URL(`../../../cli/main.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
);

/** A server of HTTP in a process of its own. */
export interface HttpServer {
  readonly origin: string;
  stop(): Promise<void>;
}

/** Starts `tally api` as it comes, with a line in its log for every request; the log goes into a file. */
export async function startTallyApi(redisUrl: string): Promise<HttpServer> {
  const folder = mkdtempSync(join(tmpdir(), 'tally-bench-api-'));
  const log = join(folder, 'log');
  const file = openSync(log, 'w');
  const child = spawn(process.execPath, [...process.execArgv, MAIN, 'api'], {
    env: { PATH: process.env['PATH'], REDIS_URL: redisUrl, PORT: '0' },
    stdio: ['ignore', file, 'inherit'],
  });
  closeSync(file);
  const exited = once(child, 'exit');
  const clearAway = () => {
    child.kill('SIGKILL'); // it may have ended
    rmSync(folder, { recursive: true });
  };
  process.once('exit', clearAway); // when the benchmark ends early
  const stop = async () => {
    child.kill('SIGTERM');
    await exited;
    process.off('exit', clearAway);
    clearAway();
  };
  try {
    return { origin: await originIn(log, () => child.exitCode !== null), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Where the server listens: its log says so when it does. */
async function originIn(log: string, hasEnded: () => boolean): Promise<string> {
  for (;;) {
    const [, origin] = /API +(http:\/\/[^/]+)\/v1/.exec(readFileSync(log, 'utf8')) ?? [];
    if (origin !== undefined) {
      return origin;
    }
    if (hasEnded()) {
      throw new Error('tally api ended before it listened');
    }
    await setTimeout(20);
  }
}
