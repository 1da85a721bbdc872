/**
 * What the script costs: microseconds of Redis' processor time for each update, taking the call in and the append-only file
 * included. Each load is run by several checkouts in turn, so that noise strikes all alike:
 *
 *   npx tsx test/lua/script-cost.ts [checkout ...]
 *
 * ROUNDS (5), UPDATES in a round (40,000) and ONLY (a regular expression for the loads) are taken from the environment.
 * Prints the least and the median of the rounds, of one checkout after the other.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Redis } from 'ioredis';
import type * as ApplyScript from '../../src/operations/apply-script.js';
import type { Update } from '../../src/operations/update.js';
import type { Connection } from '../../src/redis/connection.js';
import { startEmbeddedRedis } from '../../src/redis/embedded.js';
import type * as Support from '../support/script.js';

const { ROUNDS = '5', UPDATES = '40000', ONLY = '' } = process.env;

type Call = readonly [sha: string, ...rest: (string | number)[]];

interface Load {
  /** Updates in a job. @defaultValue 256 */
  readonly batch?: number;
  /** The largest amount. @defaultValue 1 */
  readonly most?: number;
  readonly update: (n: number) => Update;
}

const below = (limit: number) => Math.floor(Math.random() * limit);
const numberKey = (limit: number) => `cost:n${below(limit)}`;

function counter(keys: number, most = 1): Load {
  const params = () => ({ key: numberKey(keys), by: 1 + below(most) });
  return { most, update: () => ({ operation: 'counter.increment', params: params() }) };
}

const plain = counter(10_000);

function keyed(n: number): Update {
  return { ...plain.update(n), ...(n % 10 === 0 && { idempotencyKey: `${process.hrtime.bigint()}-${n}` }) };
}

function take(): Update {
  return { operation: 'inventory.take', params: { key: numberKey(10_000), quantity: 1 + below(5) } };
}

function award(): Update {
  const field = `f${below(100)}`;
  return { operation: 'xp.award', params: { key: `cost:h${below(100)}`, field, amount: 1 + below(50) } };
}

function addScores(): Update {
  const entries = [
    { key: 'cost:z', member: `m${below(1000)}`, by: 1 },
    { key: 'cost:y', member: `m${below(1000)}`, by: 2 },
    { key: numberKey(1000), by: below(100) },
  ];
  return { operation: 'scores.add', params: { entries } };
}

function transaction(n: number): Update {
  return { operation: 'transaction', params: { updates: [plain.update(n), award(), take()] } };
}

const LOADS: Readonly<Record<string, Load>> = {
  'counter, 10,000 keys': plain,
  'counter, by up to 1,000,000, 100,000 keys': counter(100_000, 1_000_000),
  'counter, one key': counter(1),
  'counter, 10 % keyed': { update: keyed },
  'inventory.take, 10,000 keys': { update: take },
  'xp.award, 100 fields of 100 hashes': { update: award },
  'scores.add, two members and a string': { update: addScores },
  'transaction of three': { batch: 64, update: transaction },
  'counter, one update a job': { ...plain, batch: 1 },
};

/** Builds the calls of a checkout, whose script it has Redis load. */
async function callsOf(checkout: string, redis: Redis): Promise<(updates: readonly Update[]) => Promise<Call>> {
  const load = async (file: string): Promise<unknown> => import(pathToFileURL(resolve(checkout, file)).href);
  const { createApplier } = (await load('test/support/script.ts')) as typeof Support;
  const { applyScript } = (await load('src/operations/apply-script.ts')) as typeof ApplyScript;
  let latest: Call = [''];
  const recorder = {
    evalsha: (...call: [string, ...(string | number)[]]) => {
      latest = call;
      return Promise.resolve('');
    },
  };
  const client = recorder as unknown as Connection;
  const applier = createApplier({ client, namespace: 'tally', prefix: 'tally-queues' });
  await redis.script('LOAD', applyScript(applier.registry).text);
  return async (updates) => {
    await applier.applyRaw(updates);
    return latest;
  };
}

async function prepare(redis: Redis, most: number): Promise<void> {
  await redis.flushall();
  for (let first = 0; first < 100_000; first += 10_000) {
    const numbers = Array.from({ length: 10_000 }, (_none, n) => first + n);
    await redis.mset(numbers.flatMap((n) => [`cost:n${n}`, below(10 * most)]));
  }
}

async function processorSeconds(redis: Redis): Promise<number> {
  const info = await redis.info('cpu');
  return [...info.matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm)].reduce((sum, [, text]) => sum + Number(text), 0);
}

/** Microseconds for each update. */
async function cost(redis: Redis, calls: readonly Call[], updates: number): Promise<number> {
  const before = await processorSeconds(redis);
  for (let first = 0; first < calls.length; first += 4) {
    const answers = await redis.pipeline(calls.slice(first, first + 4).map((call) => ['evalsha', ...call])).exec();
    for (const [error] of answers ?? []) {
      if (error !== null) {
        throw error;
      }
    }
  }
  return ((await processorSeconds(redis)) - before) * (1e6 / updates);
}

async function costsOf(
  redis: Redis,
  { batch = 256, most = 1, update }: Load,
  sides: Awaited<ReturnType<typeof callsOf>>[],
) {
  const costs = sides.map((): number[] => []);
  const jobs = Math.ceil(Number(UPDATES) / (batch === 1 ? 10 : batch));
  for (let round = 0; round < Number(ROUNDS); round += 1) {
    for (const [place, side] of sides.entries()) {
      await prepare(redis, most);
      const calls: Call[] = [];
      for (let job = 0; job < jobs; job += 1) {
        calls.push(await side(Array.from({ length: batch }, (_none, n) => update(job * batch + n))));
      }
      costs[place]?.push(await cost(redis, calls, jobs * batch));
    }
  }
  return costs;
}

function inWords(costs: number[]): string {
  const sorted = [...costs].sort((a, b) => a - b);
  return [sorted[0], sorted[sorted.length >> 1]].map((us = NaN) => us.toFixed(2).padStart(7)).join('');
}

const dataDir = mkdtempSync(join(tmpdir(), 'tally-cost-'));
const server = await startEmbeddedRedis({ dataDir });
const redis = new Redis(server.url);
try {
  const checkouts = process.argv.length > 2 ? process.argv.slice(2) : ['.'];
  const sides = await Promise.all(checkouts.map((checkout) => callsOf(checkout, redis)));
  for (const [name, load] of Object.entries(LOADS).filter(([it]) => new RegExp(ONLY).test(it))) {
    const costs = await costsOf(redis, load, sides);
    process.stdout.write(`${name.padEnd(44)}${costs.map(inWords).join('   ')}\n`);
  }
} finally {
  redis.disconnect();
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
}
