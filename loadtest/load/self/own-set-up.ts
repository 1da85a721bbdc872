import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedRedis } from '../../../src/redis/embedded.js';
import { OwnProcess } from './own-process.js';
import type { WorkerTiming } from './own-process.js';

/** A Tally that the load started for itself. */
export interface OwnSetUp {
  readonly redisUrl: string;
  /** Where its API is; undefined when none was asked for. */
  readonly origin: string | undefined;
  readonly workers: readonly OwnProcess[];
  readonly stop: () => Promise<void>;
}

/** So that the jobs of a worker that dies run again while the load lasts. */
export const HASTY = { lockDurationMs: 1_000, stalledIntervalMs: 250 } as const satisfies Partial<WorkerTiming>;

/** Two, so that one can take over the jobs of the other. */
export const WORKERS = 2;

/** Starts a Redis, workers and, if asked for, an API, on free ports of loopback; their files go with them. */
export async function startOwnSetUp({
  withApi,
  concurrency,
  operations,
}: {
  readonly withApi: boolean;
  readonly concurrency: number;
  readonly operations: string | undefined;
}): Promise<OwnSetUp> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tally-load-'));
  const stops: (() => Promise<void> | void)[] = [
    () => {
      rmSync(dataDir, { recursive: true, force: true });
    },
  ];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) {
      await each();
    }
  };
  try {
    const redis = await startEmbeddedRedis({ dataDir });
    const killRedis = () => {
      process.kill(redis.pid, 'SIGKILL');
      rmSync(dataDir, { recursive: true, force: true });
    };
    process.once('exit', killRedis); // when the load ends early
    stops.push(async () => {
      process.off('exit', killRedis);
      await redis.stop();
    });
    const start = async (task: Parameters<typeof OwnProcess.start>[0]) => {
      const own = await OwnProcess.start(task);
      stops.push(() => own.stop());
      return own;
    };
    const worker = { role: 'worker', redis: redis.url, operations, ...HASTY, concurrency } as const;
    const workers = await Promise.all(Array.from({ length: WORKERS }, () => start(worker)));
    const api = withApi ? await start({ role: 'api', redis: redis.url, operations }) : undefined;
    return { redisUrl: redis.url, origin: api?.facts as string | undefined, workers, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
