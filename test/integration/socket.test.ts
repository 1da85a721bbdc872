import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { tally } from '../support/command.js';
import { startApi } from '../support/http-api.js';
import { ownRedis, place } from '../support/tally.js';

/** A Redis on a Unix socket, with a user for it. */
async function socketRedis() {
  const folder = mkdtempSync(join(tmpdir(), 'tally socket-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const path = join(folder, 'redis.sock');
  await ownRedis(['--unixsocket', path, '--user', 'tally', 'on', '>p@ss/word', '~*', '&*', '+@all']);
  return { path, url: `redis+unix://tally:p%40ss%2Fword@${path.replace(' ', '%20')}?db=2` };
}

test('everything works over a Unix socket, in the database that the URL names', async () => {
  const { path, url } = await socketRedis();
  const here = place(url);
  await here.worker();
  const producer = here.producer();
  const key = here.key('n');
  const submission = await producer.counters.increment({ key, by: 2 }, { idempotencyKey: here.key('k') });
  expect(await submission.outcome()).toMatchObject({ status: 'applied', result: { value: 2 } });
  expect(here.client.options).toMatchObject({ path, db: 2 });
  const delayed = await producer.counters.increment({ key }, { delay: 300 });
  expect(await delayed.outcome()).toMatchObject({ status: 'applied' });
  const { get } = await startApi(here);
  expect(await get(`/v1/cells?key=${key}`)).toMatchObject({ status: 200, body: { value: 3 } });
  expect(await get('/readyz')).toMatchObject({ status: 200 });

  const environment = { REDIS_URL: url, TALLY_NAMESPACE: here.namespace, TALLY_PREFIX: here.prefix };
  const params = JSON.stringify({ key });
  const submitted = await tally(environment, 'submit', 'counter.increment', '--params', params, '--wait');
  expect(submitted).toMatchObject({ code: 0, stdout: 'applied {"value":4,"applied":1}\n' });
  const doctor = await tally(environment, 'doctor');
  expect(doctor).toMatchObject({ code: 0, stdout: expect.stringContaining('redis+unix://***@/') as string });
  expect(doctor.stdout + doctor.stderr).not.toMatch(/p@ss|p%40ss|"tally"/);
});

test('a socket that is not there is named', async () => {
  const { code, stdout } = await tally({ REDIS_URL: 'redis+unix:///no/such.sock' }, 'doctor');
  expect(code).toBe(1);
  expect(stdout).toMatch(/\/no\/such\.sock\s+can't\s+be\s+reached/);
});
