import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { createTableSql } from '../../cli/relay/table-definition.js';
import { startEmbeddedRedis } from '../../src/redis/embedded.js';
import { connect, query, startPostgres } from '../support/postgres.js';
import { TALLY } from '../support/tally-command.js';

/**
 * How fast `tally relay` is, with real servers, one worker and one relay, on this machine:
 *
 *   npm run build && node --import tsx test/load/relay-rate.ts [rows = 100000] [keys = 10000] [--unordered]
 *
 * First rows that have gathered, then rows written at 5,000 a second, and how long each waits. Processor time is of the whole, by part.
 */
const numbers = process.argv.slice(2).filter((arg) => /^\d+$/.test(arg));
const flags = process.argv.slice(2).filter((arg) => arg.startsWith('--'));
const [rows = 100_000, keys = 10_000] = numbers.map(Number);
const [RATE, SECONDS, TICK_MS] = [5_000, 20, 20];

const folder = mkdtempSync(join(tmpdir(), 'tally-relay-rate-'));
const postgres = await startPostgres();
const redis = await startEmbeddedRedis({ dataDir: folder });
const url = postgres.url();
await query(url, createTableSql('outbox'));
const service = await connect(url);
const write = (count: number) =>
  service.query(
    `insert into outbox (operation, params)
     select 'counter.increment', json_build_object('key', 'k' || (random() * $2)::int) from generate_series(1, $1::int)`,
    [count, keys],
  );
await write(rows);

const started = [start('worker'), start('relay', '--from', url, '--table', 'outbox', ...flags)];
const sinceMs = performance.now();
await untilNoneWaits();
const tookS = (performance.now() - sinceMs) / 1_000;
const [span] = await query<{ s: number }>(
  url,
  'select extract(epoch from max(processed_at) - min(processed_at))::float8 as s from outbox',
);
print(`backlog: ${rows} rows in ${tookS.toFixed(1)} s with the start, ${Math.round(rows / (span?.s ?? 1))} rows/s`);
tell();

const before = cpu();
const beganMs = performance.now();
let written = 0;
while (written < RATE * SECONDS) {
  const due = Math.min(RATE * SECONDS, Math.floor(((performance.now() - beganMs) / 1_000) * RATE)) - written;
  if (due > 0) {
    await write(due);
    written += due;
  }
  await setTimeout(TICK_MS);
}
const writtenS = (performance.now() - beganMs) / 1_000;
await untilNoneWaits();
const [lag = { p50: NaN, p99: NaN, max: NaN }] = await query<{ p50: number; p99: number; max: number }>(
  url,
  `select percentile_cont(0.5) within group (order by s) as p50, percentile_cont(0.99) within group (order by s) as p99, max(s) as max
   from (select extract(epoch from processed_at - created_at)::float8 as s from outbox where id > $1) as waits`,
  [rows],
);
print(
  `live: ${written} rows in ${writtenS.toFixed(1)} s, ${Math.round(written / writtenS)} rows/s; written to marked p50 ` +
    `${lag.p50.toFixed(3)} s, p99 ${lag.p99.toFixed(3)} s, at most ${lag.max.toFixed(3)} s`,
);
const after = cpu();
print(
  Object.entries(after)
    .map(([name, s]) => `${name} ${(((s - (before[name] ?? 0)) / written) * 1e6).toFixed(0)} us/row`)
    .join(', '),
);
const [outcomes = { said: '' }] = await query<{ said: string }>(
  url,
  `select string_agg(outcome || ' ' || n, ', ') as said from (select outcome, count(*) as n from outbox group by 1) as counts`,
);
print(outcomes.said);
for (const child of started) {
  child.kill('SIGTERM');
}
await service.end();
await redis.stop();
await postgres.remove();
rmSync(folder, { recursive: true, force: true });

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function start(...args: string[]) {
  const [program, ...first] = TALLY;
  const env = { PATH: process.env['PATH'], REDIS_URL: redis.url, LOG_LEVEL: 'warn', TALLY_DATA_DIR: folder };
  const child = spawn(program, [...first, ...args], { env, stdio: ['ignore', 'inherit', 'inherit'] });
  child.once('exit', (code) => {
    if (code !== 0) {
      throw new Error(`tally ${args.join(' ')} ended with exit code ${String(code)}`);
    }
  });
  return child;
}

async function untilNoneWaits(): Promise<void> {
  while ((await query(url, 'select from outbox where processed_at is null limit 1')).length > 0) {
    await setTimeout(100);
  }
}

function tell(): void {
  print(
    Object.entries(cpu())
      .map(([name, s]) => `${name} ${s.toFixed(1)} s`)
      .join(', '),
  );
}

/** Processor time so far, in seconds; that of Postgres with its sessions that have ended. */
function cpu(): Record<string, number> {
  const [worker, relay] = started.map(({ pid = 0 }) => secondsOf(pid));
  return {
    worker: worker ?? 0,
    relay: relay ?? 0,
    redis: secondsOf(redis.pid),
    postgres: secondsOfTree(postgres.pid()),
  };
}

function secondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0) / 100;
}

function secondsOfTree(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  return children.reduce((sum, child) => sum + secondsOf(Number(child)), secondsOf(pid));
}
