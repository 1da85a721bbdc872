import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { LoadResult } from '../../loadtest/load/result.js';
import { mutatedCopy, NO_IDEMPOTENCY, NO_JOB_RECEIPTS, ROOT, tallyOf, SLOW_TO_COMPLETE } from './mutated-copy.js';

test('a load on a set-up of its own is right though workers die, stop and lose their scripts', async () => {
  // Killed last: how long a process takes to start again, on a busy machine, is for nobody to say.
  const nemeses = ['pause-worker', 'flush-scripts', 'kill-worker'];
  const { code, result, files } = await loadOf(
    ROOT,
    '--nemesis',
    nemeses.join(','),
    '--rate',
    '500',
    '--duration',
    '10s',
  );
  expect(result.tally.verdict).toMatchObject({ exact: true, undrained: 0 });
  expect(code).toBe(0);
  expect(new Set(result.tally.nemeses.map(({ name }) => name))).toEqual(new Set(nemeses));
  expect(result.tally.nemeses.every(({ startMs, endMs }) => endMs >= startMs)).toBe(true);
  expect(files).toEqual([]);
});

test('a load on a set-up of its own goes over HTTP too', async () => {
  const { code, result } = await loadOf(ROOT, '--target', 'http', '--rate', '100', '--duration', '1s');
  expect(code).toBe(0);
  expect(result.settings).toMatchObject({ self: true, target: 'http' });
  expect(result.tally.counts).toMatchObject({ submitted: 100, completed: 100 });
});

test('the same load on a plain BullMQ worker is judged beside Tally', async () => {
  const args = ['--compare', 'plain-bullmq', '--rate', '200', '--duration', '1s', '--idempotent', '50%'];
  const { code, result } = await loadOf(ROOT, ...args);
  expect(code).toBe(0);
  expect(result.compared).toMatchObject({ name: 'plain-bullmq', counts: { submitted: 200, completed: 200 } });
  // Whether it is exact is BullMQ's affair: it runs a job again whose worker was held up for longer than its lock.
  expect(result.compared?.verdict).toMatchObject({ undrained: 0, cells: result.tally.verdict.cells });
  expect(result.compared?.batchSizes).toEqual([{ from: 1, to: 1, jobs: 200, updates: 200 }]);
});

test('events that are delivered twice show when idempotency receipts are off', async () => {
  const copy = mutatedCopy(...NO_IDEMPOTENCY);
  const { code, result } = await loadOf(copy, 'redelivery', '--rate', '200', '--duration', '1s');
  expect(code).toBe(1);
  expect(result.tally.verdict.exact).toBe(false);
  expect(result.tally.verdict.doubled).toBeGreaterThan(0);
  expect(result.tally.verdict.lost).toBe(0);
});

// On a busy machine it may be that none was killed between the script and the completion of its job.
test('jobs that run twice, as their worker was killed, show when receipts are off', { retry: 3 }, async () => {
  const copy = mutatedCopy(NO_JOB_RECEIPTS, SLOW_TO_COMPLETE);
  const { code, result } = await loadOf(copy, '--nemesis', 'kill-worker', '--rate', '500', '--duration', '5s');
  expect(code).toBe(1);
  expect(result.tally.verdict.doubled).toBeGreaterThan(0);
});

test('and with receipts, none of them', async () => {
  const copy = mutatedCopy(SLOW_TO_COMPLETE);
  const { code, result } = await loadOf(copy, '--nemesis', 'kill-worker', '--rate', '500', '--duration', '5s');
  expect([code, result.tally.verdict.doubled, result.tally.verdict.lost]).toEqual([0, 0, 0]);
});

/** Runs `tally load --self` of a tree, and returns what it found and what it left in its folder for temporary files. */
async function loadOf(root: string, ...args: string[]): Promise<{ code: number; result: LoadResult; files: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'tally-self-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const temporary = mkdtempSync(join(folder, 'temporary-'));
  const json = join(folder, 'load.json');
  const [program, ...first] = await tallyOf(root);
  const child = spawn(program, [...first, 'load', '--self', ...args, '--json', json], {
    cwd: root,
    env: { PATH: process.env['PATH'], TMPDIR: temporary },
    stdio: 'ignore',
  });
  const [code] = (await once(child, 'exit')) as [number];
  return { code, result: JSON.parse(readFileSync(json, 'utf8')) as LoadResult, files: readdirSync(temporary) };
}
