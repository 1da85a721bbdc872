/**
 * What the script costs that applies a job in many slots of one master: microseconds of Redis' processor time and commands for each
 * update, receipts' expiry included. A node of a Cluster runs it for several checkouts in turn, so that noise strikes all alike:
 *
 *   npx tsx test/lua/cross-slot-cost.ts [checkout ...]
 *
 * ROUNDS (5), JOBS in a round (200) and UPDATES in a job (85) are taken from the environment.
 * Prints the least and the median of the rounds, of one checkout after the other.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Redis } from 'ioredis';
import { startServers } from '../../loadtest/bench/cluster-servers.js';
import type * as NewJobId from '../../src/layout/new-job-id.js';
import type * as SplitReceipts from '../../src/layout/split-receipts.js';
import type * as ApplyScript from '../../src/operations/apply-script.js';
import type * as Registry from '../../src/operations/registry.js';
import type * as Update from '../../src/operations/update.js';
import type * as CrossSlot from '../../src/redis/cross-slot-scripts.js';
import type * as Keys from '../../src/redis/keys.js';
import type { JobName } from '../../src/redis/keys.js';
import type * as LuaSource from '../../src/redis/lua-source.js';
import type * as Scripts from '../../src/redis/scripts.js';
import { tagOf } from '../../src/redis/slots.js';
import type { Slot } from '../../src/redis/slots.js';
import type * as ScriptCall from '../../src/workers/script-call.js';

const { ROUNDS = '5', JOBS = '200', UPDATES = '85' } = process.env;
const DAY_MS = 24 * 3600 * 1000;
const KEYS = 10_000;
const NAMES = { namespace: 'tally', prefix: 'tally-queues' };
const PARTITION = `${NAMES.prefix}:{3bv}`;

type Call = readonly (string | number)[];

/** Builds the calls of a checkout for one job: that applies it, and that expires its receipts. */
async function callsOf(checkout: string, redis: Redis): Promise<() => readonly Call[]> {
  const load = async <Module>(file: string): Promise<Module> =>
    (await import(pathToFileURL(resolve(checkout, file)).href)) as Module;
  const { newJobId } = await load<typeof NewJobId>('src/layout/new-job-id.ts');
  const receipts = new (await load<typeof SplitReceipts>('src/layout/split-receipts.ts')).SplitReceipts();
  const { applyScript } = await load<typeof ApplyScript>('src/operations/apply-script.ts');
  const { createRegistry } = await load<typeof Registry>('src/operations/registry.ts');
  const { checkUpdates } = await load<typeof Update>('src/operations/update.ts');
  const { crossSlotScript } = await load<typeof CrossSlot>('src/redis/cross-slot-scripts.ts');
  const { createKeys } = await load<typeof Keys>('src/redis/keys.ts');
  const { luaSource } = await load<typeof LuaSource>('src/redis/lua-source.ts');
  const { createScript } = await load<typeof Scripts>('src/redis/scripts.ts');
  const { buildCrossSlotCall } = await load<typeof ScriptCall>('src/workers/script-call.ts');

  const registry = createRegistry([]);
  const keys = createKeys(NAMES);
  const apply = crossSlotScript(applyScript(registry));
  const expire = crossSlotScript(createScript('expire receipts', luaSource('expire-receipts')));
  for (const { text } of [apply, expire]) {
    await redis.script('LOAD', text);
  }
  const slotOf = (steps: Parameters<typeof receipts.slotOf>[0]) => receipts.slotOf(steps);
  const context = { registry, isReservedKey: keys.isReserved, slotOf, idempotencyOwner: '' };
  const newUpdate = () => ({
    operation: 'counter.increment' as const,
    params: { key: `k:${Math.floor(Math.random() * KEYS)}` },
  });
  const expiryOf = (name: JobName, groups: readonly { readonly slot: Slot }[]): Call => {
    const [first = '', ...others] = groups.map(({ slot }) => keys.jobReceipt(name, slot));
    const tags = groups.map(({ slot }) => tagOf(slot)).join(',');
    return 'inAnySlot' in keys ? [first, 600, ...keys.inAnySlot(name).receipt, tags] : [first, 600, ...others]; // as older checkouts have it
  };
  return () => {
    const updates = checkUpdates(Array.from({ length: Number(UPDATES) }, newUpdate), context);
    const groups = receipts.groups(updates, () => {
      throw new Error('no slot');
    });
    const name = { prefix: PARTITION, queue: 'counters', jobId: newJobId(groups[0].slot) };
    const settings = {
      ...{ name, keys, form: 2, digest: 'Digest-0', ranBefore: false },
      ...{ leaseMs: Date.now() + DAY_MS, lockDurationMs: DAY_MS, stamp: { sentAtMs: Date.now() } },
    };
    const call = buildCrossSlotCall(groups, settings, () => undefined);
    return [
      [apply.sha, 1, ...call.keys, ...call.args],
      [expire.sha, 1, ...expiryOf(name, groups)],
    ];
  };
}

async function usedBy(redis: Redis): Promise<{ micros: number; commands: number }> {
  const info = `${await redis.info('cpu')}${await redis.info('stats')}`;
  const numbers = (name: RegExp) => [...info.matchAll(name)].reduce((sum, [, text]) => sum + Number(text), 0);
  return {
    micros: numbers(/^used_cpu_(?:sys|user):([\d.]+)/gm) * 1e6,
    commands: numbers(/^total_commands_processed:(\d+)/gm),
  };
}

async function cost(redis: Redis, newCalls: () => readonly Call[]): Promise<{ micros: number; commands: number }> {
  await redis.flushall('SYNC');
  const jobs = Array.from({ length: Number(JOBS) }, newCalls);
  const from = await usedBy(redis);
  for (const place of [0, 1]) {
    for (const calls of jobs) {
      await redis.call('EVALSHA', [...(calls[place] ?? [])]);
    }
  }
  const to = await usedBy(redis);
  const updates = Number(JOBS) * Number(UPDATES);
  return { micros: (to.micros - from.micros) / updates, commands: (to.commands - from.commands) / updates };
}

function inWords(costs: { micros: number; commands: number }[]): string {
  const sorted = costs.map(({ micros }) => micros).sort((a, b) => a - b);
  const commands = costs[0]?.commands ?? NaN;
  const micros = [sorted[0], sorted[sorted.length >> 1]].map((us = NaN) => us.toFixed(2).padStart(7)).join('');
  return `${micros} us ${commands.toFixed(2)} commands`;
}

const dataDir = mkdtempSync(join(tmpdir(), 'tally-cost-'));
const servers = await startServers(1, dataDir);
const [node] = servers.nodes;
const redis = new Redis({ host: '127.0.0.1', port: node?.options.port ?? 0 });
try {
  const checkouts = process.argv.length > 2 ? process.argv.slice(2) : ['.'];
  const sides = await Promise.all(checkouts.map((checkout) => callsOf(checkout, redis)));
  const costs = sides.map((): { micros: number; commands: number }[] => []);
  for (let round = 0; round < Number(ROUNDS); round += 1) {
    for (const [place, side] of sides.entries()) {
      costs[place]?.push(await cost(redis, side));
    }
  }
  process.stdout.write(`${costs.map(inWords).join('   ')}\n`);
} finally {
  redis.disconnect();
  await servers.stop();
  rmSync(dataDir, { recursive: true, force: true });
}
