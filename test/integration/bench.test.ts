import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../../loadtest/bench/main.ts', import.meta.url));
const SIDES = 'plain-bullmq,bee-queue,evalsha-pipelined,tally-single,tally-batched,tally-keyed,tally-hot-key';

test('the benchmark runs every side, checks its total and writes its figures', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tally-bench-test-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'figures.json');
  const options = ['--rounds', '1', '--scale', '0.01', '--only', SIDES, '--json', file];
  const bench = spawn(process.execPath, ['--import', 'tsx', MAIN, ...options], { stdio: 'ignore' });
  const [code] = (await once(bench, 'exit')) as [number];
  expect(code).toBe(0);
  const { results } = JSON.parse(readFileSync(file, 'utf8')) as { results: Record<string, { perSecond: number }> };
  expect(Object.keys(results)).toEqual(SIDES.split(','));
  expect(Object.values(results).every(({ perSecond }) => perSecond > 0)).toBe(true);
});
