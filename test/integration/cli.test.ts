import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { dataDir, start, startUp, tally } from '../support/command.js';
import { foreignWorker } from '../support/queues.js';
import { ownRedis, place, until } from '../support/tally.js';

test('tally up, submit and get work together in one folder, and the values outlive a restart', async () => {
  const environment = { TALLY_DATA_DIR: dataDir() };
  const up = await startUp(environment);
  const submit = (...more: string[]) =>
    tally(environment, 'submit', 'counter.increment', '--params', '{"key":"count","by":5}', '--wait', ...more);

  const first = await submit('--json');
  expect(first).toMatchObject({ code: 0 });
  expect(JSON.parse(first.stdout)).toMatchObject({ status: 'applied', result: { value: 5 } });
  expect(await submit()).toMatchObject({ code: 0, stdout: 'applied {"value":10,"applied":5}\n' });
  expect(await tally(environment, 'get', 'count')).toMatchObject({ code: 0, stdout: '10\n' });

  const [, origin = ''] = /dashboard {2}(http:[^ ]+)\/ops/.exec(up.output.stdout) ?? [];
  const keysPage = await (await fetch(`${origin}/ops/keys?key=count`)).text();
  expect(keysPage, 'the page of the key').toContain('+5'); // on the private Redis changes are kept
  expect(await (await fetch(`${origin}/ops/%zz`)).text(), 'an answer without a stack').not.toContain('    at ');

  const second = await tally({ ...environment, PORT: '0' }, 'up');
  expect(second).toMatchObject({ code: 2 });
  expect(second.stderr).toContain('Tally runs already with the folder');

  up.child.kill('SIGTERM');
  expect(await up.ended).toMatchObject({ code: 0 });
  await startUp(environment);
  expect(await tally(environment, 'get', 'count', '--json')).toMatchObject({
    code: 0,
    stdout: '{"key":"count","value":10}\n',
  });
});

test('tally up clears away the Redis of a run that was killed, and keeps its values', async () => {
  const environment = { TALLY_DATA_DIR: dataDir() };
  const killed = await startUp(environment);
  await tally(environment, 'submit', 'counter.increment', '--params', '{"key":"count"}', '--wait');
  killed.child.kill('SIGKILL');
  await killed.ended;
  await startUp(environment);
  expect(await tally(environment, 'get', 'count')).toMatchObject({ code: 0, stdout: '1\n' });
});

test('of two that start at once in one folder, one is refused: two servers would lose updates', async () => {
  const environment = { TALLY_DATA_DIR: dataDir(), PORT: '0' };
  const both = [start(['up'], environment), start(['up'], environment)];
  onTestFinished(async () => {
    for (const { child, ended } of both) {
      child.kill('SIGTERM');
      await ended;
    }
  });
  const refused = await Promise.race(both.map(({ ended }) => ended));
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('Tally runs already with the folder');
});

test('a stop while Tally starts leaves no Redis behind', async () => {
  const folder = dataDir();
  const { child, ended } = start(['up'], { TALLY_DATA_DIR: folder, PORT: '0' });
  const record = join(folder, 'redis.json');
  await until('the server process exists', () => existsSync(record));
  const { pid } = JSON.parse(readFileSync(record, 'utf8')) as { pid: number };
  child.kill('SIGTERM');
  await ended;
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});

test('exit codes tell a rejected update, a missing key and wrong usage apart', async () => {
  const here = place();
  await here.worker();
  const environment = { REDIS_URL: inject('redisUrl'), TALLY_NAMESPACE: here.namespace, TALLY_PREFIX: here.prefix };
  const key = here.key('stock');
  const take = JSON.stringify({ key, quantity: 1, whenShort: 'reject' });
  const answers = await Promise.all([
    tally(environment, 'submit', 'inventory.take', '--params', take, '--wait'),
    tally(environment, 'get', key),
    tally(environment, 'submit', 'inventory.tak', '--params', take),
    tally(environment, 'submit', 'inventory.take', '--params', '{key}'),
    tally(environment, 'submit', 'inventory.take'),
    tally(environment, 'sumbit'),
    tally({ ...environment, PORT: 'x' }, 'get', key),
  ]);
  expect(answers.map(({ code }) => code)).toEqual([1, 1, 2, 2, 2, 2, 2]);
  expect(answers[0].stdout).toBe(`rejected INSUFFICIENT_STOCK: "${key}" has 0 in stock, 1 wanted\n`);
  expect(answers[1].stderr).toBe(`tally: "${key}" does not exist\n`);
  expect(answers[2].stderr).toContain('did you mean "inventory.take"?');
  expect(answers[3].stderr).toContain(`--params is not JSON`);
  expect(answers[5].stderr).toContain('Did you mean submit?');
});

test('an outcome that nobody can tell has an exit code of its own', async () => {
  const here = place();
  await foreignWorker(here, 'counters', () => Promise.resolve(7));
  const environment = { REDIS_URL: inject('redisUrl'), TALLY_NAMESPACE: here.namespace, TALLY_PREFIX: here.prefix };
  const submit = ['submit', 'counter.increment', '--params', JSON.stringify({ key: here.key('n') }), '--wait'];

  const [words, json] = await Promise.all([tally(environment, ...submit), tally(environment, ...submit, '--json')]);

  expect(words).toMatchObject({ code: 4, stdout: expect.stringMatching(/^unknown FOREIGN_WORKER: /) as string });
  expect(json.code).toBe(4);
  expect(JSON.parse(json.stdout)).toMatchObject({ status: 'unknown', reason: 'FOREIGN_WORKER' });
});

test('tally doctor says what it found and fails when something must change', async () => {
  const healthy = await tally({ REDIS_URL: inject('redisUrl') }, 'doctor');
  expect(healthy.code).toBe(0);
  expect(healthy.stdout).toMatch(/ok {4}version .*\n(.*\n)*ok {4}maxmemory-policy {2}noeviction\n/);
  const nobody = await tally({ REDIS_URL: 'redis://127.0.0.1:1' }, 'doctor');
  expect(nobody.code).toBe(1);
});

test('doctor and worker refuse a redis-cluster URL that leads to one server, and say what to write', async () => {
  const environment = { REDIS_URL: `redis-cluster://${new URL(inject('redisUrl')).host}` };
  const [doctor, worker] = await Promise.all([tally(environment, 'doctor'), tally(environment, 'worker')]);
  expect(doctor.code).toBe(1);
  expect(doctor.stdout).toMatch(/FAIL {2}mode .*no node of a Cluster: write redis:/);
  expect(worker.code).toBe(2);
  expect(worker.stderr).toContain('write redis:// in place of redis-cluster://');
});

test('a worker that is to confirm on disk does not start on a Redis that can not tell', async () => {
  const { url } = await ownRedis(['--appendonly', 'no']);
  const worker = await tally({ REDIS_URL: url, TALLY_CONFIRM_ON_DISK: 'true' }, 'worker');
  expect(worker.code).toBe(2);
  expect(worker.stderr).toContain('confirmOnDisk');
});

test('files for TLS that can not be used are named with their variables', async () => {
  const redis = { REDIS_URL: 'rediss://127.0.0.1:1' };
  const folder = dataDir();
  const noPem = join(folder, 'ca.pem');
  writeFileSync(noPem, 'no certificate');
  const answers = await Promise.all([
    tally({ ...redis, TALLY_REDIS_CA_FILE: join(folder, 'none.pem') }, 'get', 'count'),
    tally({ ...redis, TALLY_REDIS_CA_FILE: noPem }, 'get', 'count'),
    tally({ ...redis, TALLY_REDIS_CERT_FILE: noPem }, 'get', 'count'),
  ]);
  expect(answers.map(({ code }) => code)).toEqual([2, 2, 2]);
  expect(answers[0].stderr).toContain(`TALLY_REDIS_CA_FILE: can't read ${join(folder, 'none.pem')}`);
  expect(answers[1].stderr).toContain(`TALLY_REDIS_CA_FILE: ${noPem} is no PEM file`);
  expect(answers[2].stderr).toContain('set TALLY_REDIS_CERT_FILE and TALLY_REDIS_KEY_FILE, or neither');
});

test('without a Redis a command says how to get one', async () => {
  const answer = await tally({ TALLY_DATA_DIR: dataDir() }, 'get', 'count');
  expect(answer.code).toBe(2);
  expect(answer.stderr).toContain('npm start');
});

test('how long keys are remembered is said to the producers of commands, too', async () => {
  const here = place();
  const environment = { REDIS_URL: inject('redisUrl'), TALLY_NAMESPACE: here.namespace, TALLY_PREFIX: here.prefix };
  const submit = ['submit', 'counter.increment', '--params', JSON.stringify({ key: here.key('n') }), '--json'];

  const { stdout } = await tally(
    { ...environment, TALLY_IDEMPOTENCY_WINDOW_MS: '3600000' },
    ...[...submit, '--idempotency-key', 'k'],
  );

  const { jobId } = JSON.parse(stdout) as { jobId: string };
  const job = await here.client.hget(`${here.partition.prefix}:counters:${jobId}`, 'data');
  expect(JSON.parse(job ?? '')).toMatchObject({ windowMs: 3_600_000 });
});

test('what is remembered is not renamed for a Cluster while workers or producers would look for it', async () => {
  const here = place();
  await here.worker();
  const producer = here.producer();
  const increment = () => producer.counters.increment({ key: here.key('n') }, { idempotencyKey: 'k' });
  await (await increment()).outcome();

  const environment = { REDIS_URL: inject('redisUrl'), TALLY_NAMESPACE: here.namespace, TALLY_PREFIX: here.prefix };
  const { code, stderr } = await tally(environment, 'prepare-cluster');

  expect(code).toBe(2);
  expect(stderr).toMatch(
    /tally-(workers|producers), tally-(workers|producers) are connected, .*stop all of Tally first/,
  );
  expect(await (await increment()).outcome()).toMatchObject({ duplicate: true });
});

test('what is gone before it is renamed for a Cluster is passed over', async () => {
  const { redis, namespace, prefix, client } = place((await ownRedis()).url);
  const receipts = [1, 2, 3].map((number) => `${namespace}:idem::counter.increment:${number}`);
  await Promise.all(receipts.map((key) => client.set(key, 'tally/2 5 print job.0 ok 1', 'PX', 60_000)));
  const others = client.duplicate();
  onTestFinished(() => {
    others.disconnect();
  });
  await client.call('CLIENT', 'PAUSE', '60000', 'WRITE');
  const removal = client.del(...receipts); // it waits, and comes before the first name that is read meanwhile is changed
  const { ended } = start(['prepare-cluster'], {
    REDIS_URL: redis,
    TALLY_NAMESPACE: namespace,
    TALLY_PREFIX: prefix,
  });
  await until('one is to be renamed', async () => String(await others.client('LIST')).includes('cmd=rename '));
  await others.call('CLIENT', 'UNPAUSE');

  expect(await removal).toBe(3);
  const answer = await ended;
  expect(answer, answer.stderr).toMatchObject({ code: 0, stderr: '' });
  expect(answer.stdout).toContain('0 receipts of idempotency keys lie where a Cluster looks for them\n');
});
