import { setTimeout as pause } from 'node:timers/promises';
import type { RedisClient } from '../../../src/redis/connection.js';
import type { Random } from '../random.js';
import type { NemesisName, NemesisStrike } from '../result.js';
import type { OwnProcess } from './own-process.js';
import { HASTY } from './own-set-up.js';

export const NEMESES = ['kill-worker', 'pause-worker', 'flush-scripts'] as const satisfies readonly NemesisName[];

/** Longer than a worker may hold a job: the others take its jobs over, and then it goes on with them. */
const PAUSE_MS = HASTY.lockDurationMs + 3 * HASTY.stalledIntervalMs;

/** Strikes within the load, if it is long enough. */
const STRIKES = 6;
const SHORTEST_INTERVAL_MS = 250;

export interface NemesisDeps {
  readonly redis: RedisClient;
  readonly workers: readonly OwnProcess[];
  readonly random: Random;
  /** Since the start of the side, in ms. */
  readonly nowMs: () => number;
}

/**
 * Strikes with each in turn until it is told to end, and heals before it does.
 *
 * @returns the strikes, in order of time
 */
export async function strike(
  names: readonly NemesisName[],
  durationMs: number,
  deps: NemesisDeps,
  signal: AbortSignal,
): Promise<NemesisStrike[]> {
  const strikes: Promise<NemesisStrike>[] = [];
  const struck = new Set<number>();
  const inTurn = [...names];
  const intervalMs = Math.max(SHORTEST_INTERVAL_MS, durationMs / (STRIKES + 1));
  while (inTurn.length > 0) {
    await pause(intervalMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) {
      break;
    }
    const free = [...deps.workers.keys()].filter((place) => !struck.has(place));
    // One worker is left to work, and the next strike need not wait for a process that starts.
    const next = inTurn.findIndex((name) => name === 'flush-scripts' || free.length > 1);
    const [name] = next === -1 ? [] : inTurn.splice(next, 1);
    if (name === undefined) {
      continue;
    }
    inTurn.push(name);
    if (name === 'flush-scripts') {
      strikes.push(timed(name, deps, flushScripts(deps.redis)));
    } else {
      const place = free[deps.random.int(0, free.length - 1)] ?? 0;
      struck.add(place);
      const striking = strikeWorker(name, place, deps, signal).finally(() => struck.delete(place));
      strikes.push(timed(name, deps, striking));
    }
  }
  return Promise.all(strikes);
}

async function timed(name: NemesisName, { nowMs }: NemesisDeps, striking: Promise<string>): Promise<NemesisStrike> {
  const startMs = Math.round(nowMs());
  const what = await striking;
  return { name, startMs, endMs: Math.round(nowMs()), what };
}

async function flushScripts(redis: RedisClient): Promise<string> {
  await redis.script('FLUSH');
  return 'Redis lost its scripts';
}

async function strikeWorker(
  name: 'kill-worker' | 'pause-worker',
  place: number,
  { workers }: NemesisDeps,
  signal: AbortSignal,
): Promise<string> {
  const worker = workers[place];
  if (name === 'kill-worker') {
    await worker?.killAndRestart();
    return `worker ${place + 1} was killed, and started again`;
  }
  worker?.pause();
  await pause(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  worker?.resume();
  return `worker ${place + 1} was stopped for a while`;
}
