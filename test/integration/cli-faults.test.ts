import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dataDir, start, tally } from '../support/command.js';
import { place } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { TALLY } from '../support/tally-command.js';

const environmentOf = (here: Place) => ({
  REDIS_URL: here.redis,
  TALLY_NAMESPACE: here.namespace,
  TALLY_PREFIX: here.prefix,
  TALLY_DATA_DIR: dataDir(),
});

test.for([
  ['worker', { TALLY_METRICS_PORT: '0', TALLY_HISTORY: 'nope.x=3' }],
  ['relay --from postgres://nobody@127.0.0.1:1/none', { TALLY_METRICS_PORT: '0', TALLY_NAMESPACE: 'a{b' }],
  ['import FILE --operation counter.increment --timeout abc', {}],
] as const)('a command that can not start ends, whatever it has opened by then: tally %s', async ([line, more]) => {
  const environment = { ...environmentOf(place()), ...more };
  const file = join(environment.TALLY_DATA_DIR, 'rows.ndjson');
  writeFileSync(file, '{"key":"n"}\n');
  const { code, stderr } = await tally(environment, ...line.replace('FILE', file).split(' '));
  expect(code, stderr).toBe(2);
  expect(stderr).toMatch(/^tally: /m);
});

test('an answer that can not be written is a failure', async () => {
  const here = place();
  await here.client.set(here.key('n'), 5);
  const [program, ...first] = TALLY;
  const child = spawn('sh', ['-c', '"$@" > /dev/full', 'sh', program, ...first, 'get', here.key('n')], {
    env: { PATH: process.env['PATH'], ...environmentOf(here) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  expect(await once(child, 'close')).toEqual([1, null]);
  expect(stderr).toContain('what was printed is lost, or a part of it: ENOSPC');
});

test('tally outcomes ends on a signal also while Redis is away', async () => {
  const { child, ended, output } = start(['outcomes'], { ...environmentOf(place()), REDIS_URL: 'redis://127.0.0.1:1' });
  await expect.poll(() => output.stderr, { timeout: 10_000 }).toContain('ECONNREFUSED');
  child.kill('SIGTERM');
  expect((await ended).code).toBe(0);
});

test('of an update whose key another one has, the conflict is told, also without waiting', async () => {
  const here = place();
  await here.worker();
  const submit = (by: number, ...more: string[]) =>
    tally(
      environmentOf(here),
      ...['submit', 'counter.increment', '--params', JSON.stringify({ key: here.key('n'), by })],
      ...['--idempotency-key', 'k', ...more],
    );
  expect(await submit(1, '--wait')).toMatchObject({ code: 0 });
  const conflict = await submit(2);
  expect(conflict.code).toBe(1);
  expect(conflict.stdout).toMatch(/^conflict /);
  expect(await submit(1)).toMatchObject({ code: 0, stdout: 'applied {"value":1,"applied":1} (sent before)\n' });
});
