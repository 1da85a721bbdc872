import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { dataDir, startUp, tally } from '../support/command.js';
import { ENERGY_SPEND, moduleFile } from '../support/own-operations.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';

const JSON_BODY = { 'content-type': 'application/json' };

test('an operation of one’s own works from its file to its retry on the board', async () => {
  skipUnlessOneServer('it starts a private Redis');
  const operations = moduleFile(ENERGY_SPEND);
  const folder = dataDir();
  const up = await startUp({ TALLY_DATA_DIR: folder, TALLY_OPERATIONS: operations });
  const [, origin = ''] = /dashboard {2}(http:[^ ]+)\/ops/.exec(up.output.stdout) ?? [];
  const { url } = JSON.parse(readFileSync(join(folder, 'redis.json'), 'utf8')) as { url: string };
  const redis = new Redis(url);
  onTestFinished(() => {
    redis.disconnect();
  });
  const spend = (key: string, ...more: string[]) =>
    tally(
      { TALLY_DATA_DIR: folder },
      ...['submit', 'energy.spend', '--params', JSON.stringify({ key, amount: 7 }), '--wait', '--json', ...more],
    );

  await redis.set('energy:bo', '10');
  const applied = await spend('energy:bo', '--operations', operations);
  expect(applied.code, applied.stderr).toBe(0);
  expect(JSON.parse(applied.stdout)).toMatchObject({ status: 'applied', result: { energy: 3 } });
  const rejected = await spend('energy:bo', '--operations', operations);
  expect(rejected.code).toBe(1);
  expect(JSON.parse(rejected.stdout)).toMatchObject({ status: 'rejected', reason: 'NOT_ENOUGH_ENERGY' });
  expect((await spend('energy:bo')).stderr, 'without its module').toContain('unknown operation "energy.spend"');

  const update = JSON.stringify({ operation: 'energy.spend', params: { key: 'energy:ann', amount: 2 } });
  const post = (path: string) => fetch(`${origin}${path}`, { method: 'POST', headers: JSON_BODY, body: update });
  await redis.lpush('energy:ann', 'of another type');
  const failed = (await (await post('/v1/updates?wait=20000')).json()) as { updates: [{ id: string }] };
  expect(failed).toMatchObject({ updates: [{ status: 'failed', reason: 'WRONG_TYPE' }] });
  expect(await (await fetch(`${origin}/openapi.json`)).text()).toContain('energy.spend');

  // On the board: its queue is there, with the failed job, which is retried once the cause is gone.
  const board = (await (await fetch(`${origin}/ops/queues/api/queues?activeQueue=energy&status=failed`)).json()) as {
    queues: { name: string; jobs: { id: string }[] }[];
  };
  const [job] = board.queues.find(({ name }) => name === 'energy')?.jobs ?? [];
  await redis.del('energy:ann');
  await redis.set('energy:ann', '5');
  const retried = await fetch(`${origin}/ops/queues/api/queues/energy/${job?.id ?? ''}/retry`, {
    method: 'PUT',
  });
  expect(retried.status).toBe(204);
  await expect.poll(() => redis.get('energy:ann'), { timeout: 60_000 }).toBe('3');

  const history = await (await fetch(`${origin}/ops/keys?key=energy:ann`)).text();
  expect(history, 'changes are kept on the private Redis').toContain('energy.spend (100 of each cell)');
  await Promise.all(Array.from({ length: 5 }, (_, n) => redis.set(`load-energy:${n}`, '1000000')));
  const { code, stdout, stderr } = await tally(
    { TALLY_DATA_DIR: folder },
    ...[
      'load',
      '--operations',
      operations,
      '--operation',
      'energy.spend',
      '--params',
      '{"key":"load-energy:{n}","amount":1}',
    ],
    ...['--keys', '5', '--rate', '200', '--duration', '1s'],
  );
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^RIGHT {2}all totals are exact/);

  const doctor = await tally({ TALLY_DATA_DIR: folder }, 'doctor', '--operations', operations);
  expect(doctor.code, doctor.stdout).toBe(0);
});

test('a module that is not there, exports none, or something like one, is refused by name', async () => {
  const refused = async (module: string) => {
    const { code, stderr } = await tally({ REDIS_URL: 'redis://127.0.0.1:1' }, 'worker', '--operations', module);
    expect(code).toBe(2);
    return stderr;
  };
  expect(await refused('./nowhere.js')).toMatch(/can't import the operations of \.\/nowhere\.js: Cannot find module/);
  expect(await refused(moduleFile('export const amount = 3;'))).toContain('exports no operation');
  expect(await refused(moduleFile("export const mine = { name: 'a.b', lua: 'return 1' };"))).toContain(
    'exports "mine", which has no form of an operation',
  );
  expect(await refused(moduleFile('export const broken = ;'))).toContain("can't import the operations of");
});
