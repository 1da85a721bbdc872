/**
 * What the overview's rates, latencies and hot keys cost: a worker's processor time an update, and what Redis does each five seconds.
 *
 *   npx tsx test/load/pulse-cost.ts
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { openStore } from '../../src/layout/store.js';
import { startEmbeddedRedis } from '../../src/redis/embedded.js';
import type { TallyJob } from '../../src/workers/attempt.js';
import { Pulse } from '../../src/workers/pulse.js';
import { PULSE_EVERY_MS } from '../../src/metrics/pulse-form.js';

const ROUNDS = 5;
const UPDATES_A_ROUND = 1_000_000;
const KEYS = 10_000;
const BEATS = 6;

/** A completed job, as far as the rates look at it. */
function jobOf(length: number, first: number): TallyJob {
  const updates = Array.from({ length }, (_, index) => ({ key: `player:${(first + index) % KEYS}`, by: 1 }));
  const nowMs = Date.now();
  return { data: { updates }, timestamp: nowMs - 20, finishedOn: nowMs, opts: {}, progress: 0 } as unknown as TallyJob;
}

/** Microseconds of this process an update, with jobs of so many. */
function timeUpdates(pulse: Pulse, ofJob: number): number {
  const jobs = Array.from({ length: 64 }, (_, index) => jobOf(ofJob, index * ofJob));
  const record = `1 ${'0'.repeat(24)} ${Array.from({ length: ofJob }, () => '1234').join('\n')}`;
  const before = process.cpuUsage();
  for (let done = 0, turn = 0; done < UPDATES_A_ROUND; done += ofJob, turn += 1) {
    pulse.completed(jobs[turn % jobs.length]!, record);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / UPDATES_A_ROUND;
}

/** How many commands Redis has run, and for how many microseconds. */
async function workOf(redis: Redis): Promise<{ calls: number; us: number }> {
  const lines = (await redis.info('commandstats')).matchAll(/^cmdstat_(\S+):calls=(\d+),usec=(\d+)/gm);
  const told = [...lines].filter(([, name = '']) => /^(hincrby|zincrby|zremrangebyrank|expire|hget)$/.test(name));
  return {
    calls: told.reduce((sum, [, , calls]) => sum + Number(calls), 0),
    us: told.reduce((sum, [, , , us]) => sum + Number(us), 0),
  };
}

const median = (numbers: readonly number[]) => [...numbers].sort((one, other) => one - other)[numbers.length >> 1]!;

const dataDir = mkdtempSync(join(tmpdir(), 'tally-pulse-'));
const server = await startEmbeddedRedis({ dataDir });
const logger = pino({ level: 'silent' });
const store = openStore({
  redis: server.url,
  logger,
  namespace: 'tally',
  prefix: 'tally-queues',
  connectionName: 'pulse',
});
const pulse = new Pulse({ ...store, facts: () => ({}) as never, obey: () => undefined });
const redis = new Redis(server.url);
try {
  await store.clock.sample();
  for (const ofJob of [1, 256]) {
    timeUpdates(pulse, ofJob);
    const times = Array.from({ length: ROUNDS }, () => timeUpdates(pulse, ofJob));
    process.stdout.write(`jobs of ${ofJob}: ${median(times).toFixed(2)} us of a worker an update\n`);
  }
  pulse.start();
  await wait(1_000);
  await redis.config('RESETSTAT');
  const before = await workOf(redis);
  for (let beat = 0; beat < BEATS; beat += 1) {
    timeUpdates(pulse, 256);
    await wait(PULSE_EVERY_MS);
  }
  const after = await workOf(redis);
  const [calls, us] = [after.calls - before.calls, after.us - before.us];
  process.stdout.write(
    `each ${PULSE_EVERY_MS / 1000} s: ${Math.round(calls / BEATS)} commands, ${Math.round(us / BEATS)} us of Redis\n`,
  );
} finally {
  await pulse.end();
  redis.disconnect();
  store.close();
  await server.stop();
  rmSync(dataDir, { recursive: true });
}
