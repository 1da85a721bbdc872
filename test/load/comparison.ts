import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { measureLatency } from '../../loadtest/bench/latency.js';
import { startRole } from '../../loadtest/bench/roles.js';
import { median } from '../../loadtest/bench/throughput.js';
import { startEmbeddedRedis } from '../../src/redis/embedded.js';
import { TALLY } from '../support/tally-command.js';

/**
 * Whether `tally load --compare plain-bullmq` finds what the benchmark finds: the time from due to outcome of increments of
 * 10,000 counters by one worker, of both sides in turn, at the benchmark's rates.
 *
 *   npm run build && node --import tsx test/load/comparison.ts [rounds = 3]
 */
const rounds = Number(process.argv[2] ?? 3);
const RATES = [1_000, 5_000];

type Side = 'tally' | 'plain-bullmq';

/** From due to outcome, in ms, by who measured it. */
interface Times {
  readonly by: 'bench' | 'load';
  readonly side: Side;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Loaded {
  readonly latency: { readonly outcome: Pick<Times, 'p50Ms' | 'p99Ms'> };
}

const folder = mkdtempSync(join(tmpdir(), 'tally-comparison-'));
const found: Times[] = [];
for (let round = 1; round <= rounds; round += 1) {
  const redis = await startEmbeddedRedis({ dataDir: join(folder, String(round)) });
  process.stderr.write(`round ${round} of ${rounds}\n`);
  for (const { name, ...times } of await measureLatency(redis.url, { rounds: 1, report: () => undefined })) {
    found.push({ by: 'bench', side: name, ...times });
  }
  const worker = await startRole({ role: 'tally-worker', redisUrl: redis.url });
  for (const perSecond of RATES) {
    found.push(...(await load(redis.url, perSecond)));
  }
  await worker.stop();
  await redis.stop();
}
rmSync(folder, { recursive: true });
process.stdout.write('updates/s  side          benchmark p50, p99 (ms)  tally load p50, p99 (ms)\n');
for (const perSecond of RATES) {
  for (const side of ['tally', 'plain-bullmq'] as const) {
    const [bench, loaded] = (['bench', 'load'] as const).map((by) => {
      const of = found.filter((times) => times.by === by && times.side === side && times.perSecond === perSecond);
      return (['p50Ms', 'p99Ms'] as const).map((name) => median(of.map((times) => times[name])).toFixed(1)).join(', ');
    });
    const cells = [String(perSecond).padEnd(9), side.padEnd(12), bench?.padEnd(23), loaded];
    process.stdout.write(`${cells.join('  ')}\n`);
  }
}

async function load(redisUrl: string, perSecond: number): Promise<Times[]> {
  const file = join(folder, 'load.json');
  const flags = `--rate ${perSecond} --duration 13s --warm-up 1s --mix counter=100 --keys 10000 --skew 0 --idempotent 0`;
  const [program, ...args] = TALLY;
  await promisify(execFile)(
    program,
    [...args, 'load', ...flags.split(' '), '--compare', 'plain-bullmq', '--json', file],
    { env: { PATH: process.env['PATH'], REDIS_URL: redisUrl, TALLY_DATA_DIR: folder } },
  );
  const { tally, compared } = JSON.parse(readFileSync(file, 'utf8')) as { tally: Loaded; compared: Loaded };
  const sides = [
    ['tally', tally],
    ['plain-bullmq', compared],
  ] as const;
  return sides.map(([side, { latency }]) => ({ by: 'load', side, perSecond, ...latency.outcome }));
}
