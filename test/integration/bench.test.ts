import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../../loadtest/bench/main.ts', import.meta.url));
const SIDES = 'plain-bullmq,bee-queue,evalsha-pipelined,tally-single,tally-batched,tally-keyed,tally-hot-key';
const HTTP_SIDES = 'plain-http-single,tally-http-single,tally-http-100,tally-http-wait-10,tally-http-overload';

test('the benchmark runs every side, checks its total and writes its figures', { timeout: 180_000 }, async () => {
  const results = await figuresOf('--rounds', '1', '--scale', '0.01', '--only', SIDES);
  expect(Object.keys(results)).toEqual(SIDES.split(','));
  expect(Object.values(results).every(({ perSecond }) => perSecond > 0)).toBe(true);
});

test('the benchmark of the HTTP API checks its totals and writes its figures', { timeout: 180_000 }, async () => {
  const results = await figuresOf('http', '--rounds', '1', '--scale', '0.01', '--only', HTTP_SIDES);
  expect(Object.keys(results)).toEqual(HTTP_SIDES.split(','));
  expect(Object.values(results).every(({ perSecond }) => perSecond > 0)).toBe(true);
});

/** Runs the benchmark and returns what it wrote; it ends with 1 when a total is wrong. */
async function figuresOf(...args: string[]): Promise<Record<string, { perSecond: number }>> {
  const folder = mkdtempSync(join(tmpdir(), 'tally-bench-test-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'figures.json');
  const options = ['--import', 'tsx', MAIN, ...args, '--json', file];
  const bench = spawn(process.execPath, options, { stdio: 'ignore' });
  const [code] = (await once(bench, 'exit')) as [number];
  expect(code).toBe(0);
  return (JSON.parse(readFileSync(file, 'utf8')) as { results: Record<string, { perSecond: number }> }).results;
}
