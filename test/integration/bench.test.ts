import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Everyday } from '../../loadtest/bench/everyday/tables.js';
import { keyName, prepare, requireTotal } from '../../loadtest/bench/workload.js';
import { ownRedis } from '../support/tally.js';

vi.setConfig({ testTimeout: 240_000 });

const MAIN = fileURLToPath(new URL('../../dist/loadtest/bench/main.js', import.meta.url));
/** Each way to submit and to apply. */
const SIDES = [
  ...['plain-bullmq', 'bee-queue', 'tally-single', 'tally-lists'],
  ...['plain-bullmq-batched-random', 'tally-batched-random', 'plain-bullmq-mix', 'tally-mix'],
];
const RATIOS = [
  'tally-batched-random / plain-bullmq-batched-random',
  'tally-mix / plain-bullmq-mix',
  'tally-single / plain-bullmq',
];
const HTTP_SIDES = ['plain-http-single', 'tally-http-single', 'tally-http-overload'];

const NODE_FLAGS = ['--max-semi-space-size=32'];

interface Figures {
  readonly environment: { readonly nodeFlags: readonly string[] };
  readonly results: Record<string, { perSecond: number }>;
  readonly ratios: readonly { readonly name: string; readonly value: number }[];
  readonly cpu: Record<string, Record<string, number>>;
}

test('the benchmark runs every side, checks its total and writes its figures', async () => {
  const { environment, results, ratios } = await figuresOf(...short(SIDES, '0.01'));
  expect(environment.nodeFlags).toEqual(NODE_FLAGS);
  expect(Object.keys(results)).toEqual(SIDES);
  expect(Object.values(results).every(({ perSecond }) => perSecond > 0)).toBe(true);
  expect(ratios.map(({ name }) => name)).toEqual(RATIOS);
  const [single, plain] = [results['tally-single'], results['plain-bullmq']];
  expect(ratios.at(-1)?.value).toBeCloseTo((single?.perSecond ?? NaN) / (plain?.perSecond ?? NaN), 6);
});

test('the benchmark tells the processor time of each part, alone', async () => {
  const hotKey = ['tally-hot-key', 'tally-hot-key-outcomes'];
  const sides = ['evalsha-pipelined', 'tally-batched', ...hotKey, 'tally-mix-histories'];
  const { cpu, ratios } = await figuresOf('cpu', ...short(sides, '0.02'));
  const { producer = 0, redisAdd = 0, worker = 0, redisApply = 0, total } = cpu['tally-batched'] ?? {};
  expect(Math.min(producer, redisAdd, worker, redisApply)).toBeGreaterThan(0);
  expect(total).toBeCloseTo(producer + redisAdd + worker + redisApply, 6);
  expect(cpu['evalsha-pipelined']).toMatchObject({ redisAdd: 0, worker: 0 });
  const [without, told] = hotKey.map((side) => cpu[side]?.['total'] ?? Number.NaN);
  expect(ratios.map(({ name }) => name)).toEqual([`processor time an update, ${hotKey.join(' / ')}`]);
  expect(ratios[0]?.value).toBeCloseTo(without! / told!, 6);
});

test('the benchmark of the HTTP API checks its totals and writes its figures', async () => {
  const { results } = await figuresOf('http', ...short(HTTP_SIDES, '0.01'));
  expect(Object.keys(results)).toEqual(HTTP_SIDES);
  expect(Object.values(results).every(({ perSecond }) => perSecond > 0)).toBe(true);
});

test('the benchmark of everyday jobs checks its totals and writes its figures', async () => {
  const { pairs, reads, imported } = (await figuresOf('everyday', '--scale', '0.01')) as unknown as Everyday;
  expect(pairs.map(({ name }) => name)).toEqual(['increment, increment', 'reserve, confirm']);
  expect(pairs.every(({ perSecond }) => perSecond > 0)).toBe(true);
  expect(reads).toHaveLength(3);
  expect(reads.every(({ p50Ms, perSecond }) => p50Ms > 0 && perSecond > 0)).toBe(true);
  expect(imported.map(({ format, rows }) => [format, rows])).toEqual([
    ['CSV', 2_000],
    ['NDJSON', 2_000],
  ]);
});

test.each([
  ['one key', { keys: 3, maxBy: 10 }, keyName(2)],
  ['the mix', 'mix', 'load:bench:stock:7'],
] as const)('a total of %s that is not what was submitted is an error', async (_, load, key) => {
  const { url } = await ownRedis();
  const client = new Redis(url);
  onTestFinished(() => {
    client.disconnect();
  });
  const before = await prepare(client, load);
  await client.incrby(key, 5);
  await requireTotal(client, load, before + 5, 'right');
  await expect(requireTotal(client, load, before + 6, 'lost one')).rejects.toThrow('wrong total of lost one');
  await expect(requireTotal(client, load, before + 4, 'doubled one')).rejects.toThrow('wrong total of doubled one');
});

function short(sides: readonly string[], scale: string): string[] {
  return ['--rounds', '1', '--scale', scale, '--only', sides.join(',')];
}

/** Runs the benchmark and returns what it wrote; it ends with 1 when a total is wrong. */
async function figuresOf(...args: string[]): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), 'tally-bench-test-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'figures.json');
  const bench = spawn(process.execPath, [...NODE_FLAGS, MAIN, ...args, '--json', file], { stdio: 'ignore' });
  const [code] = (await once(bench, 'exit')) as [number];
  expect(code).toBe(0);
  return JSON.parse(readFileSync(file, 'utf8')) as Figures;
}
