/**
 * What one MSETEX with KEEPTTL would save against INCRBY for each cell, in a script: microseconds of Redis' main thread for each of 256 of
 * 10,000 keys, the least of seven rounds. Needs Redis 8.4 or later as `redis-server`:
 *
 *   PATH="$PWD/node_modules/.cache/tally-servers/redis-8/bin:$PATH" npx tsx test/lua/msetex-cost.ts
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startEmbeddedRedis } from '../../src/redis/embedded.js';
import { parseInfo } from '../../src/redis/server-facts.js';

const KEYS = 10_000;
const BATCH = 256;
const CALLS = 400;
const ROUNDS = 7;

const READ = `local values = redis.call('MGET', unpack(KEYS))`;
const WAYS: Readonly<Record<string, string>> = {
  'reading alone': READ,
  INCRBY: `${READ} for n = 1, #KEYS do redis.call('INCRBY', KEYS[n], 1) end`,
  'MSETEX KEEPTTL': `${READ} local args = {}
    for n = 1, #KEYS do
      args[2 * n - 1] = KEYS[n]
      args[2 * n] = string.format('%d', (tonumber(values[n]) or 0) + 1)
    end
    args[#args + 1] = 'KEEPTTL'
    redis.call('MSETEX', #KEYS, unpack(args))`,
};

function batch(): string[] {
  const keys = new Set<string>();
  while (keys.size < BATCH) {
    keys.add(`k:${Math.floor(Math.random() * KEYS)}`);
  }
  return [...keys];
}

async function microsOf(redis: Redis): Promise<number> {
  const info = parseInfo(await redis.info('cpu'));
  return ['user', 'sys'].reduce((sum, kind) => sum + Number(info.get(`used_cpu_${kind}_main_thread`)) * 1e6, 0);
}

const dataDir = mkdtempSync(join(tmpdir(), 'tally-msetex-'));
const server = await startEmbeddedRedis({ dataDir });
const redis = new Redis(server.url);
try {
  const least = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [way, text] of Object.entries(WAYS)) {
      const sha = (await redis.script('LOAD', text)) as string;
      const before = await microsOf(redis);
      for (let call = 0; call < CALLS; call += 1) {
        await redis.evalsha(sha, BATCH, ...batch());
      }
      const micros = ((await microsOf(redis)) - before) / CALLS / BATCH;
      least.set(way, Math.min(least.get(way) ?? Infinity, micros));
    }
  }
  for (const [way, micros] of least) {
    process.stdout.write(`${way}: ${micros.toFixed(2)} us a cell\n`);
  }
} finally {
  redis.disconnect();
  await server.stop();
  rmSync(dataDir, { recursive: true });
}
