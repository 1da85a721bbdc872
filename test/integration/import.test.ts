import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { start, tally } from '../support/command.js';
import { ownRedis, place, until } from '../support/tally.js';

const COUNT = ['--operation', 'counter.increment', '--param', 'key=n:{sku}', 'by={count}'];

async function prepare() {
  const folder = mkdtempSync(join(tmpdir(), 'tally-import-test-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const here = place((await ownRedis()).url);
  const environment = {
    REDIS_URL: here.redis,
    TALLY_DATA_DIR: join(folder, 'data'),
    TALLY_NAMESPACE: here.namespace,
    TALLY_PREFIX: here.prefix,
  };
  const file = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  return {
    client: here.client,
    namespace: here.namespace,
    folder,
    environment,
    file,
    startWorker: () => here.worker(),
    run: (...args: string[]) => tally(environment, 'import', ...args),
  };
}

test('each row of a CSV becomes an update, with its columns in their places, once', async () => {
  const { client, startWorker, file, run } = await prepare();
  await startWorker();
  const path = file('stock.csv', 'sku,count,note\nmug,3,"blue, large"\ncup,5,\nmug,4,again\n');

  expect(await run(path, ...COUNT)).toMatchObject({ code: 0, stdout: '3 applied\n' });
  expect(await client.mget('n:mug', 'n:cup')).toEqual(['7', '5']);
  const again = await run(path, ...COUNT);
  expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('already: 3 applied') as string });
  expect(await client.mget('n:mug', 'n:cup')).toEqual(['7', '5']);
  expect(await run(path, ...COUNT, '--id', 'once-more')).toMatchObject({ code: 0 });
  expect(await client.mget('n:mug', 'n:cup')).toEqual(['14', '10']);
});

test('columns are params by their names, numbers where numbers are asked for, and left out where they are empty', async () => {
  const { client, startWorker, file, run } = await prepare();
  await startWorker();
  await client.set('b', 1);
  const path = file('set.csv', '﻿key;value;expected;ttlSeconds\n12;-4;null;60\nb;7;1;\nc;8;1;\n');

  const { code, stdout, stderr } = await run(path, '--operation', 'counter.set', '--delimiter', ';');

  expect({ code, stdout }).toEqual({ code: 1, stdout: '2 applied, 1 rejected\n' });
  expect(stderr).toContain('line 4: rejected CHANGED');
  expect(await client.mget('12', 'b', 'c')).toEqual(['-4', '7', null]);
  expect(await client.ttl('12')).toBeGreaterThan(50);
  const inMs = file('views.csv', 'key,bucket,at\nviews,day,1764115200000\n');
  expect(await run(inMs, '--operation', 'counter.increment', '--dry-run')).toMatchObject({ code: 0 });
});

test('what is exported can be imported', async () => {
  const { client, startWorker, environment, file, run } = await prepare();
  await startWorker();
  await client.set('x:1', 5, 'EX', 100);
  await client.set('x:text', 'hello');
  await client.hset('x:h', { a: 1, b: -2 });
  await client.zadd('x:z', 3, 'ada', 0.5, 'half');
  await client.set('y:1', 1);

  const exported = await tally(environment, 'export', 'x:*');
  expect(exported.code).toBe(0);
  expect(exported.stderr).toContain('2 values of these keys are no integers');
  await client.del('x:1', 'x:h', 'x:z');
  const path = file('dump.ndjson', exported.stdout);

  expect(await run(path, '--operation', 'counter.set')).toMatchObject({ code: 0, stdout: '4 applied\n' });
  expect(await client.get('x:1')).toBe('5');
  expect(await client.ttl('x:1')).toBeGreaterThan(90);
  expect(await client.hgetall('x:h')).toEqual({ a: '1', b: '-2' });
  expect(await client.zscore('x:z', 'ada')).toBe('3');
});

test('of keys that end while they are read, each is exported with its life or not at all', async () => {
  const { client, environment } = await prepare();
  await client.set('x:long', 1, 'PX', 20 * 365 * 24 * 3_600_000);
  await client.eval("for n = 1, 20000 do redis.call('SET', 'x:' .. n, n, 'PX', 200 + n % 2500) end", 0);

  const { code, stdout } = await tally(environment, 'export', 'x:*');

  expect(code).toBe(0);
  const cells = stdout.trim().split('\n');
  const lives = cells.map((line) => (JSON.parse(line) as { ttlSeconds?: number }).ttlSeconds ?? NaN);
  expect(lives.filter((life) => !(life >= 1))).toEqual([]);
  expect(Math.max(...lives)).toBe(10 * 365 * 24 * 3_600); // as long as Tally lets a key live
});

test('names that an import would refuse are left out of an export, and counted', async () => {
  const { client, startWorker, environment, file, run } = await prepare();
  await startWorker();
  const [long, bytes] = ['x'.repeat(513), Buffer.from([0x78, 0xff])];
  for (const key of ['', long, bytes]) {
    await client.set(key, 1);
  }
  await client.rpush(Buffer.from([0x79, 0xff]), 1);
  await client.hset('h', '', 1, long, 1, bytes, 1, 'f', 1);
  await client.zadd('z', 1, '', 1, long, 1, bytes, 1, 'm');
  await client.mset('x\uFFFD', 2, 'line\u2028end', 3);

  const { code, stdout, stderr } = await tally(environment, 'export', '*');

  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: 'tally: 9 keys, fields and members are not named by 1 to 512 bytes of UTF-8, and were left out\n',
  });
  await client.del('h', 'z', 'x\uFFFD', 'line\u2028end');
  expect(stdout).not.toContain('\u2028'); // at which some readers end a line
  expect(await run(file('dump.ndjson', stdout), '--operation', 'counter.set')).toMatchObject({ stdout: '4 applied\n' });
  expect(await client.mget('x\uFFFD', 'line\u2028end')).toEqual(['2', '3']);
  expect([await client.hgetall('h'), await client.zscore('z', 'm')]).toEqual([{ f: '1' }, '1']);
});

test('tally export ends with the reader of what it prints', async () => {
  const { client, environment } = await prepare();
  const fill = "for n = 1, 10000 do redis.call('SET', KEYS[1] .. n, n) end";
  for (let part = 0; part < 10; part += 1) {
    await client.eval(fill, 1, `x:${part}:`);
  }
  const { child, ended } = start(['export', 'x:*'], environment);
  await once(child.stdout, 'data');
  child.stdout.destroy();
  expect(await ended).toMatchObject({ code: 0, stderr: '' });
});

test.each([
  [
    'a bad value',
    'sku,count\nmug,3\ncup,many\n',
    /1 of 2 rows can't be imported, so none was:\n {2}line 3: params\.by: /,
  ],
  ['an empty column amid a text', 'sku,count\n,3\n', /line 2: column "sku" is empty/],
  ['no such column', 'name,count\nmug,3\n', /line 2: there is no column "sku"; there are "name", "count"/],
  ['a column too many', 'sku,count\nmug,3,4\n', /no CSV: .*line 2/],
  ['two columns of a name', 'sku,sku\na,b\n', /two columns "sku"/],
] as const)('of a file with %s no row is imported', async (_, text, message) => {
  const { client, file, run } = await prepare();
  const answer = await run(file('rows.csv', text), ...COUNT);
  expect(answer.code).toBe(2);
  expect(answer.stderr).toMatch(message);
  expect(await client.keys('*:counters:*')).toEqual([]);
});

test('a dry run imports nothing, and tells of reserved keys', async () => {
  const { client, namespace, file, run } = await prepare();
  const path = file('rows.csv', `key,by\na,1\n${namespace}:b,2\n`);
  const dry = ['--operation', 'counter.increment', '--dry-run'];
  expect((await run(path, ...dry)).stderr).toContain(`line 3: params.key: "${namespace}:b" belongs to Tally`);
  const good = await run(file('good.csv', 'key,by\na,1\n'), ...dry);
  expect(good).toMatchObject({ code: 0, stdout: '1 row can be imported; nothing was\n' });
  expect(await client.keys('*:counters:*')).toEqual([]);
});

test('a text that is empty is left out of a row of CSV, and not of NDJSON: the key is no cell of the hash', async () => {
  const { file, run } = await prepare();
  const ndjson = file('rows.ndjson', '{"key":"h","field":"","value":3}\n');
  const csv = file('rows.csv', 'key,field,value\nh,,3\n');
  for (const params of [[], ['--param', 'key={key}', 'field={field}', 'value={value}']]) {
    const flags = ['--operation', 'counter.set', '--dry-run', ...params];
    const refused = await run(ndjson, ...flags);
    expect(refused, refused.stderr).toMatchObject({ code: 2 });
    expect(refused.stderr).toContain('line 1: params.field: field must not be empty');
    expect(await run(csv, ...flags)).toMatchObject({ code: 0 });
  }
});

test('lines that are no objects, a file that is none, and an unknown operation are told', async () => {
  const { file, run } = await prepare();
  const path = file('rows.ndjson', '{"sku":"a","count":1}\n[1]\n');
  expect((await run(path, ...COUNT)).stderr).toContain('line 2 holds no object');
  expect((await run(`${path}x`, ...COUNT)).stderr).toContain('there is no file');
  expect((await run(path, '--operation', 'counter.incremnt')).stderr).toContain('did you mean "counter.increment"');
});

test('an import that was killed goes on where it was, and applies no row twice', async () => {
  const { client, startWorker, environment, folder, file, run } = await prepare();
  const rows = Array.from({ length: 30_000 }, (_, row) => `k${row % 50},1`);
  const path = file('many.csv', `sku,count\n${rows.join('\n')}\n`);
  await startWorker();
  const first = start(['import', path, ...COUNT], environment);
  await until('some rows are applied', async () => Number(await client.get('n:k0')) > 50);
  first.child.kill('SIGKILL');
  await first.ended;
  const total = async () => {
    const values = await client.mget(Array.from({ length: 50 }, (_, key) => `n:k${key}`));
    return values.reduce((sum, value) => sum + Number(value), 0);
  };
  expect(await total()).toBeLessThan(30_000);

  const { code, stderr } = await run(path, ...COUNT, '--rejects', join(folder, 'rejects'));

  expect(code, stderr).toBe(0);
  expect(await total()).toBe(30_000);
  expect(readFileSync(join(folder, 'rejects'), 'utf8')).toBe('');
}, 60_000);

test('a file that was imported into one Redis is imported into another as well', async () => {
  const { startWorker, environment, file, run } = await prepare();
  await startWorker();
  const other = place((await ownRedis()).url);
  const { namespace: TALLY_NAMESPACE, prefix: TALLY_PREFIX } = other;
  await other.worker();
  const path = file('stock.csv', 'sku,count\nmug,3\n');
  const runThere = () =>
    tally({ ...environment, REDIS_URL: other.redis, TALLY_NAMESPACE, TALLY_PREFIX }, 'import', path, ...COUNT);

  expect(await run(path, ...COUNT)).toMatchObject({ code: 0, stdout: '1 applied\n' });
  expect(await runThere()).toMatchObject({ code: 0, stdout: '1 applied\n' });
  for (const again of [await run(path, ...COUNT), await runThere()]) {
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('already: 1 applied') as string });
  }
  expect(await other.client.get('n:mug')).toBe('3');
});

test('a Redis is the same by another address; where that can not be told, nothing is imported', async () => {
  const { client, startWorker, environment, file, run } = await prepare();
  await startWorker();
  const path = file('stock.csv', 'sku,count\nmug,3\n');
  await run(path, ...COUNT);
  const elsewhere = { ...environment, REDIS_URL: environment.REDIS_URL.replace('127.0.0.1', 'localhost') };
  expect(await tally(elsewhere, 'import', path, ...COUNT)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('already: 1 applied') as string,
  });

  await client.call('ACL', 'SETUSER', 'importer', 'on', '>secret', '~*', '&*', '+@all', '-hgetall');
  const limited = (url: string) => ({ ...environment, REDIS_URL: url.replace('//', '//importer:secret@') });
  const unknown = await tally(limited(elsewhere.REDIS_URL), 'import', path, ...COUNT);
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toContain("it can't be told whether");
  const known = await tally(limited(environment.REDIS_URL), 'import', path, ...COUNT);
  expect(known, known.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining('already') as string });
  expect(await client.get('n:mug')).toBe('3');
});

test('rows that were rejected before an import broke off count when it goes on, and when it is run again', async () => {
  const { client, startWorker, environment, file, run } = await prepare();
  await client.set('n:bad', 'text');
  const rows = Array.from({ length: 60_000 }, (_, row) => (row === 0 ? 'bad,1' : `k${row % 50},1`));
  const path = file('many.csv', `sku,count\n${rows.join('\n')}\n`);
  await startWorker();
  const first = start(['import', path, ...COUNT], environment);
  const records = join(environment.TALLY_DATA_DIR, 'imports');
  const recorded = () => readdirSync(records).map((name) => readFileSync(join(records, name), 'utf8'));
  await until('some rows are done', () => existsSync(records) && recorded().join().includes('"failed":1'));
  first.child.kill('SIGKILL');
  expect((await first.ended).stderr).toContain('line 2: ');

  const second = await run(path, ...COUNT);
  expect(second, second.stderr).toMatchObject({ code: 1, stdout: '1 failed, 59,999 applied\n' });
  expect(second.stderr).not.toContain('line 2: ');
  const third = await run(path, ...COUNT);
  expect(third).toMatchObject({ code: 1, stdout: expect.stringContaining('1 failed, 59,999 applied') as string });
}, 60_000);

test('where rejected rows can not be written, or the id is none, nothing is imported, and that is told', async () => {
  const { client, folder, file, run } = await prepare();
  const path = file('rows.csv', 'sku,count\nmug,3\n');
  const answers = [
    [await run(path, ...COUNT, '--rejects', join(folder, 'none', 'rejects')), "--rejects: can't write"],
    [await run(path, ...COUNT, '--id', ''), '--id must not be empty'],
    [await run(path, ...COUNT, '--id', 'x'.repeat(254)), '--id with the number of a row after it must not be longer'],
  ] as const;
  for (const [{ code, stderr }, words] of answers) {
    expect(code, stderr).toBe(2);
    expect(stderr).toContain(words);
  }
  expect(await client.keys('*:counters:*')).toEqual([]);
});

test('without a worker it breaks off, and says so; after the window of its keys it does not go on', async () => {
  const { client, environment, file } = await prepare();
  const path = file('rows.csv', 'sku,count\nmug,3\n');
  const short = { ...environment, TALLY_IDEMPOTENCY_WINDOW_MS: '2000' };
  const broken = await tally(short, 'import', path, ...COUNT, '--timeout', '300');
  const since = performance.now();
  expect(broken.code).toBe(1);
  expect(broken.stderr).toContain('does a worker run?');
  await until('the window is over', () => Promise.resolve(performance.now() > since + 2_500));
  const late = await tally(short, 'import', path, ...COUNT);
  expect(late.code).toBe(2);
  expect(late.stderr).toContain('broke off after row 0, longer ago than idempotency keys are remembered');
  expect(await client.get('n:mug')).toBeNull();
});

test('what docs/import.md shows is what happens', async () => {
  const { startWorker, file, folder, environment } = await prepare();
  await startWorker();
  const page = readFileSync(new URL('../../docs/import.md', import.meta.url), 'utf8');
  const blocks = [...page.matchAll(/^```(csv|console)\n(.*?)^```/gms)].map(([, kind, text = '']) => ({ kind, text }));
  file('stock.csv', blocks.find(({ kind }) => kind === 'csv')?.text ?? '');
  const commands = blocks
    .filter(({ kind }) => kind === 'console')
    .flatMap(({ text }) => text.split(/^\$ npx tally /m).slice(1));
  expect(commands).toHaveLength(4);
  for (const command of commands) {
    const [line = '', ...shown] = command.trim().split('\n');
    const args = line.replaceAll("'", '').replace('stock.csv', join(folder, 'stock.csv')).split(' ');
    const { stdout } = await tally(environment, ...args);
    const lines = (text: string) =>
      text.trim().replace(`${folder}/`, '').replace(environment.REDIS_URL, 'redis://127.0.0.1:6379').split('\n').sort();
    expect(lines(stdout), line).toEqual(lines(shown.join('\n')));
  }
});
