import { htmlUnescape } from 'escape-goat';
import { describe, expect, test } from 'vitest';
import { boardName } from '../../dashboard/board/board-name.js';
import { newJobId } from '../../src/layout/new-job-id.js';
import { openQueue } from '../../src/jobs/queues.js';
import { withHistory } from '../../src/operations/registry.js';
import { createKeys } from '../../src/redis/keys.js';
import { CELL_KINDS, cellOf, store } from '../lua/cells.js';
import { addUser, startDashboard } from '../support/dashboard.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const operations = (['counter.increment', 'inventory.take', 'scores.add'] as const).map((name) => withHistory(name, 5));

/** Pages of the inspector, as their text: without tags, and each run of blanks as one. */
async function begin(options: Parameters<typeof startDashboard>[1] = { operations }) {
  const here = place();
  const { request } = await startDashboard(here, options);
  const read = async (path: string, query: object = {}) => {
    const answer = await request(`${path}?${new URLSearchParams({ ...query }).toString()}`);
    const source = await answer.text();
    return { status: answer.status, headers: answer.headers, source, text: textOf(source) };
  };
  return {
    here,
    cellPage: (cell: object) => read('/ops/keys', cell),
    findPage: (update: string, key = '', owner = '') => read('/ops/find', { update, key, owner }),
  };
}

function textOf(source: string): string {
  return htmlUnescape(source.replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ');
}

/** Puts a job on a queue without a worker that would take it. */
async function addJob(here: Place, name: string, updates: unknown[], more: { keys?: object; delay?: number } = {}) {
  const queue = openQueue('counters', here.partition.prefix, here.client, here.logger);
  const jobId = newJobId(here.slot);
  const keyed = more.keys && { windowMs: 60_000, idempotencyKeys: more.keys as Record<string, string> };
  await queue.add(name, { v: 2, sentAtMs: Date.now(), ...keyed, updates }, { jobId, delay: more.delay ?? 0 });
  await queue.close();
  return jobId;
}

const boardPath = (here: Place, queue: string, jobId: string) =>
  `href="/ops/queues/queue/${encodeURIComponent(boardName(queue, here.partition))}/${jobId}"`;

describe.each(CELL_KINDS)('the page of a %s', (kind) => {
  test('shows value, type, life and the last changes with links to their jobs, also when it is gone', async () => {
    const { here, cellPage } = await begin();
    const cell = cellOf(kind, here.key('stock'));
    await store(here.client, cell, 40);
    await here.worker({ operations });
    const producer = here.producer();
    const sale = await producer.inventory.take({ ...cell, quantity: 7 });
    await sale.outcome();
    const count = await producer.counters.increment({ ...cell, by: 2 });
    await count.outcome();
    await here.client.expire(cell.key, 1000);

    const { status, text, source } = await cellPage(cell);

    expect(status).toBe(200);
    expect(text).toMatch(/Value 35 Type of the key (string|hash|zset) Time to live expires in (1000|999) s/);
    expect(text).toMatch(
      new RegExp(
        `\\d{4}-\\d\\d-\\d\\d [\\d:.]+ counter.increment \\+2 35 ${count.jobId} ` +
          `\\d{4}-\\d\\d-\\d\\d [\\d:.]+ inventory.take -7 33 ${sale.jobId}`,
      ),
    );
    expect(source).toContain(boardPath(here, 'counters', count.jobId));
    expect(source).toContain(boardPath(here, 'inventory', sale.jobId));
    expect(text).not.toContain('keeps no history.');
    await here.client.del(cell.key);
    const gone = (await cellPage(cell)).text;
    expect(gone).toContain('does not exist Type of the key none Time to live there is no such key');
    expect(gone).toMatch(/counter\.increment \+2 35/);
  });

  test('lists the jobs that may still change it: those that wait, are delayed or have failed', async () => {
    const { here, cellPage } = await begin();
    const cell = cellOf(kind, here.key('n'));
    const params = { ...cell, by: 1 };
    const waiting = await addJob(here, 'counter.increment', [{ key: here.key('other'), by: 1 }, params, params]);
    const delayed = await addJob(here, 'counter.increment', [params], { delay: 60_000 });
    const other = await addJob(here, 'counter.increment', [{ key: here.key('other'), by: 1 }]);

    const { text, source } = await cellPage(cell);

    expect(text).toContain(`waiting counter.increment 2 ${waiting} delayed counter.increment 1 ${delayed}`);
    expect(source).toContain(boardPath(here, 'counters', waiting));
    expect(text).not.toContain(other);
    expect(text).toContain('Looked at all jobs that wait, run or have failed: 3.');
  });
});

test('a failed job stands there with its reason', async () => {
  const { here, cellPage } = await begin();
  await here.client.rpush(here.key('list'), 'x');
  await here.worker();
  const submission = await here.producer().counters.increment({ key: here.key('list') });
  await submission.outcome();

  const { text } = await cellPage({ key: here.key('list') });

  expect(text).toContain(`failed counter.increment 1 ${submission.jobId} failed WRONG_TYPE: `);
  expect(text).toContain('holds a list; it is not a value of Tally');
});

test('the look for jobs ends after 100 of a queue and state, and the page says so', async () => {
  const { here, cellPage } = await begin();
  const queue = openQueue('counters', here.partition.prefix, here.client, here.logger);
  const jobs = Array.from({ length: 130 }, (_none, n) => ({
    name: 'counter.increment',
    data: { updates: [{ key: here.key(`n${n}`), by: 1 }] },
    opts: { jobId: newJobId(here.slot) },
  }));
  await queue.addBulk(jobs);
  await queue.close();

  const [first, last] = [await cellPage({ key: here.key('n0') }), await cellPage({ key: here.key('n129') })];

  expect(first.text).toContain(`waiting counter.increment 1 ${jobs[0]!.opts.jobId}`);
  expect(last.text).toContain('None was found. Looked at 100 of 130 jobs that wait, run or have failed, and stopped');
});

test('what can not be read of a job that someone edited hides no other job', async () => {
  const { here, cellPage } = await begin();
  await addJob(here, 'counter.increment', [null, 'nonsense', { key: 5 }]);
  await addJob(here, 'energy.spend', [{ key: here.key('n') }]);
  const jobId = await addJob(here, 'counter.increment', [{ key: here.key('n'), by: 1 }]);
  await here.client.hset(
    `${here.partition.prefix}:counters:${await addJob(here, 'counter.increment', [1])}`,
    'data',
    '[]',
  );

  const { status, text } = await cellPage({ key: here.key('n') });

  expect(status).toBe(200);
  expect(text).toContain(`waiting counter.increment 1 ${jobId} Looked at all`);
});

test('what changed a cell without a history shows between the changes', async () => {
  const { here, cellPage } = await begin();
  await here.worker({ operations });
  const producer = here.producer();
  const key = here.key('n');
  await (await producer.counters.increment({ key, by: 5 })).outcome();
  await here.client.set(key, 100);
  await (await producer.counters.increment({ key, by: 5 })).outcome();
  await here.client.set(key, 7);

  const { text } = await cellPage({ key });

  expect(text).toMatch(/From 105 to 7 by something that keeps .* \+5 105 .* From 5 to 100 by something .* \+5 5 /);
});

test('the page says of which operations changes are kept, and how to keep those of others', async () => {
  const { here, cellPage } = await begin({});
  await here.worker();
  await (await here.producer().counters.increment({ key: here.key('n') })).outcome();

  const { text, source, headers } = await cellPage({ key: here.key('n') });

  expect(text).toContain('No change of it is kept.');
  expect(text).toContain('History is off for counter.increment, counter.decrement, counter.set,');
  expect(text).toContain("or give both withHistory('counter.increment', 100)");
  expect(source).not.toContain('<script');
  expect(headers.get('content-security-policy')).not.toContain('script-src');
  const told = await (await begin()).cellPage({ key: here.key('n') });
  expect(told.text).toContain(
    'Changes are kept of counter.increment (5 of each cell), inventory.take (5 of each cell)',
  );
  expect(told.text).toContain("give both withHistory('counter.decrement', 100)");
});

const NAMES: Record<string, string> = {
  'spaces at both ends': '  a b  ',
  'slashes and dots': '../a//b?c=d&e#f%2F',
  quotes: `"it's" \`x\``,
  markup: '<script>alert(1)</script><img src=x onerror=alert(1)>&amp;',
  'an end of an attribute': '"><b x="',
  unicode: 'crown 👑🏽 of 日本 e\u0301',
  'a line break': 'a\r\nb',
  'a name of JavaScript': '__proto__',
  'a plus sign': 'a+b',
};

test.each(Object.entries(NAMES))('names with %s are shown as they are, and escaped', async (_what, name) => {
  const { here, cellPage } = await begin();
  const cells = CELL_KINDS.map((kind) => cellOf(kind, here.key(`${kind} ${name}`), name));
  const entries = cells.map((cell, n) => ({ ...cell, by: n + 5 }));
  await here.worker({ operations });
  await (await here.producer().scores.add({ entries })).outcome();

  for (const [n, cell] of cells.entries()) {
    const { text, source } = await cellPage(cell);
    expect(text).toContain(`Value ${n + 5} Type`);
    expect(text).toMatch(new RegExp(`scores\\.add \\+${n + 5} ${n + 5}`));
    expect(text).toContain(name.trim().replace(/\s+/g, ' '));
    expect(source).not.toMatch(/<script>|<img src=x|<b x=/);
  }
});

test('a field without a key, a field beside a member and a name that is too long are refused in words', async () => {
  const { cellPage } = await begin();
  const refused = async (cell: object) => {
    const { status, text } = await cellPage(cell);
    expect(status).toBe(400);
    return text;
  };

  expect(await refused({ field: 'f' })).toContain('key must not be empty');
  expect(await refused({ key: 'k', field: 'f', member: 'm' })).toContain('not both');
  expect(await refused({ key: 'k'.repeat(513) })).toContain('must not be longer than 512 bytes');
});

test('keys of Tally and of BullMQ are not shown', async () => {
  const { here, cellPage } = await begin();
  const keys = createKeys(here);
  await here.worker({ operations });
  const submission = await here
    .producer()
    .counters.increment({ key: here.key('n') }, { idempotencyKey: here.key('k') });
  await submission.outcome();
  const reserved = [
    { key: keys.jobReceipt({ prefix: here.partition.prefix, queue: 'counters', jobId: submission.jobId }, here.slot) },
    { key: keys.idempotencyReceipt({ owner: '', operation: 'counter.increment', key: here.key('k') }, here.slot) },
    { key: keys.history({ key: here.key('n') }, here.slot) },
    { key: keys.users, field: 'ann' },
    { key: `${here.partition.prefix}:counters:${submission.jobId}`, field: 'data' },
  ];

  for (const cell of reserved) {
    const { status, text } = await cellPage(cell);
    expect(status, cell.key).toBe(403);
    expect(text).toContain('belongs to Tally or BullMQ, and is not shown here');
  }
});

test('a key that is not a value of Tally is told by its type, and its content is not shown', async () => {
  const { here, cellPage } = await begin();
  const [text, hash, zset, missing] = ['text', 'hash', 'zset', 'missing'].map((name) => ({ key: here.key(name) }));
  await here.client.set(text!.key, 'a secret');
  await here.client.hset(hash!.key, 'name', 'a secret');
  await here.client.zadd(zset!.key, 1.5, 'half');

  for (const cell of [text!, { ...hash, field: 'name' }, { ...zset, member: 'half' }]) {
    const shown = (await cellPage(cell)).text;
    expect(shown).toContain('holds no integer within ±(2^53 - 1) Type of the key');
    expect(shown).not.toContain('secret');
  }
  expect((await cellPage(hash!)).text).toContain('holds a hash; name a field of it');
  expect((await cellPage({ ...text, member: 'm' })).text).toContain('holds a string; give the key alone');
  expect((await cellPage(missing!)).text).toContain('does not exist');
});

describe('an update is found', () => {
  test('by its id, with its outcome, its cells and its job', async () => {
    const { here, findPage } = await begin();
    await here.worker();
    const key = here.key('book "x"');
    const [applied, rejected] = await here.producer().submit([
      { operation: 'counter.increment', params: { key, by: 3 } },
      { operation: 'inventory.take', params: { key: here.key('none'), quantity: 2, whenShort: 'reject' } },
    ]);
    await Promise.all([applied.outcome(), rejected.outcome()]);

    const first = await findPage(applied.id);
    const second = await findPage(rejected.id);

    expect(first.text).toContain(`Update ${applied.id} Operation counter.increment`);
    expect(first.text).toContain('Outcome applied: {"value":3,"applied":3} Attempts 1');
    expect(first.source).toContain(boardPath(here, 'counters', applied.jobId));
    expect(first.source).toContain(`href="/ops/keys?${new URLSearchParams({ key }).toString()}"`);
    expect(second.text).toContain('Outcome rejected, INSUFFICIENT_STOCK: ');
  });

  test('by its idempotency key: while it waits, once it has run, and when its job is gone', async () => {
    const { here, findPage } = await begin();
    const idempotencyKey = here.key(`order <b>"4711"</b>`);
    const params = { key: here.key('n'), by: 3 };
    const jobId = await addJob(here, 'counter.increment', [params, params], { keys: { 1: idempotencyKey } });

    const waiting = await findPage(idempotencyKey, params.key);
    await here.worker();
    await until('it has run', async () => (await here.client.get(params.key)) === '6');
    await until('BullMQ knows', async () => !(await findPage(idempotencyKey, params.key)).text.includes('none yet'));
    const ran = await findPage(idempotencyKey, params.key);
    await here.client.del(`${here.partition.prefix}:counters:${jobId}`);
    const gone = await findPage(idempotencyKey, params.key);

    expect(waiting.text).toContain(`waiting counter.increment 1 ${jobId}`);
    expect(ran.text).toContain(`Update ${jobId}.1 Operation counter.increment`);
    expect(ran.text).toContain('Outcome applied: {"value":6,"applied":3}');
    expect(gone.text).toContain(`Update ${jobId}.1 Outcome applied, with the numbers 6 Job no longer kept`);
    expect(waiting.source + ran.source + gone.source).not.toContain('<b>"4711"');
  });

  test('by no other text, and the page says what is kept', async () => {
    const { here, findPage } = await begin();

    for (const text of ['nothing', '<script>', `${newJobId(here.slot)}.0`, 'x'.repeat(400), '../..', ' ']) {
      const { status, text: shown, source } = await findPage(text);
      expect(status).toBe(200);
      expect(shown).toContain('Nothing was found.');
      expect(source).not.toContain('<script>');
    }
    expect((await findPage('')).text).not.toContain('Nothing was found.');
  });
});

test('whoever has not signed in is sent to do it, and a viewer sees the pages', async () => {
  const here = place();
  await addUser(here, 'ann', 'viewer');
  const dashboard = await startDashboard(here, { operations });

  for (const path of ['/ops/keys?key=a', '/ops/find?update=a', '/ops/assets/chart.js']) {
    const asked = await dashboard.raw({ path, headers: { accept: 'text/html' } });
    expect([asked.status, asked.headers.location]).toEqual([303, `/ops/sign-in?to=${encodeURIComponent(path)}`]);
    const cookie = await dashboard.signIn('ann');
    expect((await dashboard.raw({ path, headers: { accept: 'text/html', cookie } })).status, path).toBe(200);
  }
});
