/**
 * What receipts cost in forms that they might have, in a node of a Cluster: bytes and microseconds of Redis' processor time for each.
 *
 *   npx tsx test/lua/receipt-forms.ts [receipts in a slot ...]
 *
 * ROUNDS (3) is taken from the environment; medians. A job has 85 slots. "end" is what is done when the job is settled,
 * "gone" what Redis does by itself when the time of a receipt is over. The making of names is taken off.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { startServers } from '../../loadtest/bench/cluster-servers.js';
import { median } from '../../loadtest/bench/throughput.js';
import { parseInfo } from '../../src/redis/server-facts.js';
import { SLOTS, tagOf } from '../../src/redis/slots.js';

const ROUNDS = Number(process.env['ROUNDS'] ?? 3);
const SLOTS_OF_JOB = 85;
const GONE_MS = 3_000;

interface Form {
  readonly write: string;
  readonly end: string;
  /** Has all receipts end in a second; where Redis ends them by itself. */
  readonly soon?: string;
}

const NAME = "'tally:{' .. tag .. '}:job:tally-queues:{3bv}:counters:' .. ARGV[1]";
const SHORT = "'tally:{' .. tag .. '}:j:' .. ARGV[2]";
const SHARED = "'tally:{' .. tag .. '}:jobs'";
const RECORD = "'tally/2 abcdefghijklmnop ' .. n";
const PACKED = "'2abcdefghijkl' .. n";
const WITH_LIFE = `call('HSET', ${SHARED}, ARGV[2], ${PACKED}) if call('HLEN', ${SHARED}) == 1 then call('EXPIRE', ${SHARED}, '34560000') end`;

const FORMS: Readonly<Record<string, Form>> = {
  nothing: { write: `local _ = ${NAME}`, end: `local _ = ${NAME}` },
  'as it is': {
    write: `call('SET', ${NAME}, ${RECORD}, 'EX', '34560000')`,
    end: `call('EXPIRE', ${NAME}, '600')`,
    soon: `call('EXPIRE', ${NAME}, '1')`,
  },
  'short name, packed record': {
    write: `call('SET', ${SHORT}, ${PACKED}, 'EX', '34560000')`,
    end: `call('EXPIRE', ${SHORT}, '600')`,
    soon: `call('EXPIRE', ${SHORT}, '1')`,
  },
  'fields of a hash': {
    write: `call('HSET', ${SHARED}, ARGV[2], ${PACKED})`,
    end: `call('HDEL', ${SHARED}, ARGV[2])`,
  },
  'fields of a hash with a life': { write: WITH_LIFE, end: `call('HDEL', ${SHARED}, ARGV[2])` },
  'appended to a text with a life': {
    write: `if call('APPEND', ${SHARED}, ARGV[2] .. ${PACKED}) < 40 then call('EXPIRE', ${SHARED}, '34560000') end`,
    end: '',
  },
  'one for all slots': {
    write: `if n == 1 then call('SET', ${NAME}, ${RECORD} .. string.rep(';1', ${SLOTS_OF_JOB}), 'EX', '34560000') end`,
    end: `if n == 1 then call('EXPIRE', ${NAME}, '600') end`,
    soon: `if n == 1 then call('EXPIRE', ${NAME}, '1') end`,
  },
};

type Part = 'bytes' | 'write' | 'end' | 'gone';

function scriptOf(body: string): string {
  return `#!lua flags=allow-cross-slot-keys
local call, n = redis.call, 0
for tag in string.gmatch(ARGV[3], '[^,]+') do
  n = n + 1
  ${body}
end`;
}

/** The keys and arguments of the calls of all jobs. */
function newJobs(inSlot: number): (string | Buffer)[][] {
  const slots = Math.min(SLOTS, Math.max(SLOTS_OF_JOB, Math.round(17_000 / inSlot)));
  return Array.from({ length: Math.round((slots * inSlot) / SLOTS_OF_JOB) }, (_, job) => {
    const tags = Array.from({ length: SLOTS_OF_JOB }, (_slot, place) => tagOf((job * SLOTS_OF_JOB + place) % slots));
    return [`{${tags[0] ?? ''}}`, crypto.randomUUID(), randomBytes(16), tags.join(',')];
  });
}

async function used(redis: Redis): Promise<{ micros: number; bytes: number }> {
  const info = new Map([...parseInfo(await redis.info('cpu')), ...parseInfo(await redis.info('memory'))]);
  const number = (name: string) => Number(info.get(name));
  return { micros: (number('used_cpu_user') + number('used_cpu_sys')) * 1e6, bytes: number('used_memory') };
}

async function cost(redis: Redis, { write, end, soon }: Form, inSlot: number): Promise<Record<Part, number>> {
  await redis.flushall('SYNC');
  const jobs = newJobs(inSlot);
  const receipts = jobs.length * SLOTS_OF_JOB;
  const run = async (body: string) => {
    const sha = (await redis.script('LOAD', scriptOf(body))) as string;
    const from = await used(redis);
    for (const job of jobs) {
      await redis.call('EVALSHA', [sha, 1, ...job]);
    }
    const to = await used(redis);
    return { micros: (to.micros - from.micros) / receipts, bytes: (to.bytes - from.bytes) / receipts };
  };
  const written = await run(write);
  const ended = await run(end);
  let gone = 0;
  if (soon !== undefined) {
    await run(soon);
    const micros = [];
    for (let look = 0; look < 3; look += 1) {
      micros.push((await used(redis)).micros);
      await wait(GONE_MS);
    }
    const [first = 0, second = 0, third = 0] = micros;
    gone = (second - first - (third - second)) / receipts; // less what it uses while idle
  }
  return { bytes: written.bytes, write: written.micros, end: ended.micros, gone };
}

const dataDir = mkdtempSync(join(tmpdir(), 'tally-forms-'));
const servers = await startServers(1, dataDir);
try {
  const [node] = servers.nodes;
  for (const inSlot of process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1, 17]) {
    const costs = new Map<string, Record<Part, number>[]>(Object.keys(FORMS).map((name) => [name, []]));
    for (let round = 0; node !== undefined && round < ROUNDS; round += 1) {
      for (const [name, form] of Object.entries(FORMS)) {
        costs.get(name)?.push(await cost(node, form, inSlot));
      }
    }
    const of = (name: string, part: Part) => median((costs.get(name) ?? []).map((each) => each[part]));
    process.stdout.write(`${inSlot} in a slot\n`);
    for (const name of Object.keys(FORMS).slice(1)) {
      const micros = (['write', 'end', 'gone'] as const).map((part) => of(name, part) - of('nothing', part));
      const texts = [of(name, 'bytes').toFixed(0), ...micros.map((us) => us.toFixed(1))];
      process.stdout.write(`${name.padEnd(32)}${texts.map((text) => text.padStart(8)).join('')}\n`);
    }
  }
} finally {
  await servers.stop();
  rmSync(dataDir, { recursive: true, force: true });
}
