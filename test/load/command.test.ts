import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { readPlan } from '../../loadtest/load/plan.js';
import type { LoadFlags } from '../../loadtest/load/flags.js';
import type { LoadResult } from '../../loadtest/load/result.js';
import { start, tally } from '../support/command.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { keysLike } from './run-here.js';

function environmentOf({ namespace, prefix }: Place): Record<string, string> {
  return { REDIS_URL: inject('redisUrl'), TALLY_NAMESPACE: namespace, TALLY_PREFIX: prefix };
}

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'tally-load-test-'));
  onTestFinished(() => {
    rmSync(made, { recursive: true });
  });
  return made;
}

test('a load that is right ends with 0, a line a second on stderr, the verdict on stdout, and its files', async () => {
  const here = place();
  await here.worker();
  const [json, report] = ['load.json', 'load.html'].map((name) => join(folder(), name)) as [string, string];
  const args = ['--rate', '100', '--duration', '2s', '--seed', '3', '--json', json, '--report', report];
  const answer = await tally(environmentOf(here), 'load', ...args);
  expect(answer.code).toBe(0);
  expect(answer.stdout).toMatch(/^RIGHT {2}all totals are exact: [\d,]+ cells/);
  expect(answer.stdout).toContain('seed 3');
  expect(answer.stderr).toMatch(
    /\d+ s {2}tally {2}[\d,]+\/s {2}in flight \d+ {2}backlog \d+ {2}p50 .* p99 .* errors 0\n/,
  );
  const result = JSON.parse(readFileSync(json, 'utf8')) as LoadResult;
  expect(result).toMatchObject({ passed: true, interrupted: false, settings: { seed: 3, durationMs: 2_000 } });
  expect(result.tally.samples.length).toBeGreaterThan(1);
  expect(readFileSync(report, 'utf8')).toMatch(/^<!doctype html>/i);
});

test('a load that is right and does not keep a limit ends with 3, and one that does with 0', async () => {
  const here = place();
  await here.worker();
  const json = join(folder(), 'load.json');
  const run = ['load', '--rate', '100', '--duration', '1s'];
  const kept = await tally(environmentOf(here), ...run, '--slo', 'p99<60s,errors<0.1%,rate>10', '--json', json);
  expect(kept.code, kept.stdout + kept.stderr).toBe(0);
  expect(kept.stdout).toMatch(/slo +p99<60s: kept/);
  const { slo, machine } = JSON.parse(readFileSync(json, 'utf8')) as LoadResult;
  expect(slo).toMatchObject([{ held: true }, { text: 'errors<0.1%', value: 0, held: true }, { held: true }]);
  expect(machine.memoryBytes).toBeGreaterThan(0);
  expect(machine.redisSettings).toMatchObject({ appendOnly: true, appendFsync: 'everysec', maxmemoryBytes: 0 });

  const broken = await tally(environmentOf(here), ...run, '--slo', 'p50<0.001ms', '--baseline', json);
  expect(broken.code).toBe(3);
  expect(broken.stdout).toMatch(/slo +p50<0.001ms: NOT KEPT/);
  expect(broken.stdout).toMatch(/baseline +p50 .*: no difference beyond noise/);
  const unreadable = await tally(environmentOf(here), ...run, '--baseline', 'no-such.json');
  expect(unreadable).toMatchObject({ code: 2, stderr: expect.stringContaining('--baseline: can') as string });
});

test('a load whose totals are wrong ends with 1 and names the cells', async () => {
  const here = place();
  await here.worker();
  const running = start(
    ['load', '--mix', 'counter=1', '--keys', '1', '--rate', '100', '--duration', '2s'],
    environmentOf(here),
  );
  const cell = await cellOf(running.output, here);
  await here.client.incrby(cell, 1_000);
  const answer = await running.ended;
  expect(answer.code).toBe(1);
  expect(answer.stdout).toMatch(/^WRONG {2}1 of 1 cells differ: lost 0, doubled 1,000/);
  expect(answer.stdout).toContain(`"${cell}": `);
  expect(await here.client.exists(cell)).toBe(0);
});

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s ends a load with the report so far, and its keys are gone',
  async (signal) => {
    const here = place();
    await here.worker();
    const json = join(folder(), 'load.json');
    const running = start(['load', '--rate', '200', '--duration', '5m', '--json', json], environmentOf(here));
    await cellOf(running.output, here);
    running.child.kill(signal);
    const answer = await running.ended;
    expect(answer).toMatchObject({ code: 0 });
    expect(answer.stdout).toMatch(/^RIGHT/);
    expect(answer.stdout).toContain('ended early');
    const result = JSON.parse(readFileSync(json, 'utf8')) as LoadResult;
    expect(result).toMatchObject({ interrupted: true, passed: true });
    expect(result.tally.counts.completed).toBe(result.tally.counts.submitted);
    expect(await keysLike(here, `load:${result.settings.runId}:*`)).toEqual([]);
  },
);

test('a second Ctrl-C waits for no more outcomes', async () => {
  const here = place(); // without a worker
  const args = ['load', '--mix', 'counter=1', '--rate', '100', '--duration', '5m', '--drain', '5m'];
  const running = start(args, environmentOf(here));
  await until('it submits', () => /backlog [1-9]/.test(running.output.stderr));
  running.child.kill('SIGINT');
  await until('it waits for outcomes', () => running.output.stderr.includes('waiting for outcomes'));
  running.child.kill('SIGINT');
  const answer = await running.ended;
  expect(answer.code).toBe(1);
  expect(answer.stdout).toMatch(/accepted updates had no outcome when waiting for them was given up/);
});

test('a load removes its own keys and no other, however alike the name', async () => {
  const here = place();
  await here.worker();
  const others = [`load:${here.key('counter')}:0`, `loads:${here.key('x')}`];
  await here.client.mset(...others.flatMap((key) => [key, '1']));
  const answer = await tally(environmentOf(here), 'load', '--rate', '50', '--duration', '200ms');
  expect(answer.code).toBe(0);
  const [, runId = ''] = /load:([0-9a-f]+):/.exec(answer.stderr) ?? [];
  expect(await keysLike(here, `load:${runId}:*`)).toEqual([]);
  expect(await here.client.exists(...others)).toBe(2);
});

test.each([
  { what: 'a Redis on another machine', environment: { REDIS_URL: 'redis://:secret@redis.example:6379' }, args: [] },
  {
    what: 'an API on another machine',
    environment: { REDIS_URL: 'redis://127.0.0.1:1' },
    args: ['--target', 'http', '--url', 'http://10.1.2.3:3000'],
  },
])('$what is refused unless that is meant', async ({ environment, args }) => {
  const answer = await tally(environment, 'load', ...args);
  expect(answer.code).toBe(2);
  expect(answer.stderr).toContain('is on another machine');
  expect(answer.stderr).toContain('--allow-remote');
  expect(answer.stderr).not.toContain('secret');
});

test('an API key is taken from the environment', async () => {
  const environment = { REDIS_URL: inject('redisUrl'), TALLY_API_KEY: 'tally_of_nobody' };
  const help = await tally(environment, 'load', '--help');
  expect(help.code).toBe(0);
  expect(help.stdout).not.toMatch(/api-key/i);
  const wrong = await tally({ ...environment, TALLY_API_KY: 'x' }, 'load');
  expect(wrong.stderr).toContain('did you mean TALLY_API_KEY?');
});

test.each<[LoadFlags, string]>([
  [{ rate: '0' }, '--rate must be a whole number from 1 to 1000000, but is "0"'],
  [{ rate: 'many' }, '--rate must be a whole number from 1 to 1000000, but is "many"'],
  [{ rate: '5', concurrency: '5' }, '--rate is an open loop, --concurrency a closed one: give one of them'],
  [{ duration: '30' }, '--duration must be a time from 100ms to 24h, for example 500ms, 30s or 5m, but is "30"'],
  [{ duration: '2d' }, '--duration must be a time from 100ms to 24h'],
  [{ duration: '25h' }, '--duration must be a time from 100ms to 24h'],
  [{ mix: 'counter' }, '--mix must be shares such as counter=60,inventory=20,xp=10,scores=10, but is "counter"'],
  [{ mix: 'counters=1' }, '--mix: "counters" is not one of counter, inventory, xp, scores; did you mean "counter"?'],
  [{ mix: 'counter=0' }, '--mix must have a share above 0'],
  [{ keys: '1.5' }, '--keys must be a whole number from 1 to 100000'],
  [{ skew: '-1' }, '--skew must be a number from 0 to 5, but is "-1"'],
  [{ idempotent: '101%' }, '--idempotent must be a percentage from 0% to 100%, but is "101%"'],
  [{ batch: '1001' }, '--batch must be a whole number from 1 to 1000'],
  [{ seed: 'x' }, '--seed must be a whole number from 1 to'],
  [{ target: 'htp' }, '--target: "htp" is not one of queue, http; did you mean "http"?'],
  [{ url: 'http://127.0.0.1:1' }, '--url is where an API is: add --target http'],
  [{ target: 'http', url: 'http://127.0.0.1:1/v1' }, '--url must be the address of an API without a path'],
  [{ target: 'http', url: '127.0.0.1' }, '--url must be the address of an API without a path'],
  [{ target: 'http', self: true, url: 'http://127.0.0.1:1' }, '--self starts an API of its own: leave out --url'],
  [{ nemesis: 'kill-worker' }, '--nemesis strikes only what the load started itself: add --self'],
  [{ self: true, nemesis: 'kill-workers' }, 'did you mean "kill-worker"?'],
  [{ self: true, allowRemote: true }, '--self stays on this machine: leave out --allow-remote'],
  [{ search: true, concurrency: '3' }, '--search looks for a rate: leave out --concurrency'],
  [{ search: true, ramp: true }, '--search measures at steady rates: leave out --ramp'],
  [{ p99: '5ms' }, '--p99 is the limit of --search: add --search'],
  [{ compare: 'plain-bullmq', target: 'http' }, '--compare sets one queue beside the other: leave out --target http'],
  [{ compare: 'bee-queue' }, '--compare: "bee-queue" is not one of plain-bullmq'],
])('%o is refused in words that name the flag', (flags, message) => {
  expect(() => readPlan(undefined, flags)).toThrow(message);
});

test.each<[string, LoadFlags, string]>([
  ['flash-sal', {}, 'scenario: "flash-sal" is not one of'],
  ['flash-sale', { keys: '5' }, '--keys is what makes the scenario flash-sale: leave it out'],
  ['redelivery', { idempotent: '5%' }, '--idempotent is what makes the scenario redelivery: leave it out'],
  [
    'slow-worker',
    { target: 'http' },
    'slow-worker needs jobs of one update, and the API makes batches: use --target queue',
  ],
  ['checkout', { compare: 'plain-bullmq' }, 'a plain queue has no reservations to compare with: leave out --compare'],
  ['slow-worker', { search: true }, 'slow-worker has no rate to search for'],
])('%s with %o is refused', (scenario, flags, message) => {
  expect(() => readPlan(scenario, flags)).toThrow(message);
});

test('wrong usage ends with 2 and starts nothing', async () => {
  const json = join(folder(), 'never.json');
  const environment = { REDIS_URL: 'redis://127.0.0.1:1' };
  const answers = await Promise.all([
    tally(environment, 'load', '--rate', '0', '--json', json),
    tally(environment, 'load', 'flash-sal', '--json', json),
    tally(environment, 'load', '--rat', '5', '--json', json),
  ]);
  expect(answers.map(({ code }) => code)).toEqual([2, 2, 2]);
  expect(answers[1].stderr).toContain('did you mean "flash-sale"?');
  expect(existsSync(json)).toBe(false);
});

/** The one counter of a load, once an update has reached it. */
async function cellOf(output: { readonly stderr: string }, here: Place): Promise<string> {
  let cell = '';
  await until('the load has begun', async () => {
    const [, runId] = /load:([0-9a-f]+):/.exec(output.stderr) ?? [];
    cell = `load:${runId ?? ''}:counter:0`;
    return runId !== undefined && (await here.client.exists(cell)) === 1;
  });
  return cell;
}
