import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { tally } from '../support/command.js';
import { startDashboard } from '../support/dashboard.js';
import type { RunningDashboard } from '../support/dashboard.js';
import { startApi } from '../support/http-api.js';
import { openQueue } from '../support/queues.js';
import { ownRedis, place } from '../support/tally.js';
import type { Place } from '../support/tally.js';

/** What is removed and then fails: nobody can bring it back, so it has to be told what it was. */

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

/** Counters and XP that fail, each an update in a job of its own. @returns the ids of their jobs */
async function failing(here: Place, counters: number, xp: number) {
  await here.client.set(here.key('text'), 'no number');
  await here.client.rpush(here.key('list'), 'x');
  const producer = here.producer({ maxBatch: 1 });
  const send = <Sent>(count: number, one: () => Promise<Sent>) => Promise.all(Array.from({ length: count }, one));
  const sent = [
    ...(await send(counters, () => producer.counters.increment({ key: here.key('text') }))),
    ...(await send(xp, () => producer.xp.award({ key: here.key('list'), amount: 1 }))),
  ];
  await Promise.all(sent.map((submission) => submission.outcome()));
  return (await openQueue(here).getFailed()).map(({ id }) => id!);
}

/** The same place for a user of Redis who may change what failed in the queue `counters` only. */
async function ofCounters(here: Place): Promise<Place> {
  const writable = ['counters:*', '*:completed'].map((name) => `~${here.partition.prefix}:${name}`);
  const rules = ['on', '>secret', '+@all', 'allchannels', '%R~*', `~${here.namespace}:*`, ...writable];
  await here.client.call('ACL', 'SETUSER', 'part', ...rules);
  const url = new URL(here.redis);
  [url.username, url.password] = ['part', 'secret'];
  return { ...here, redis: url.href };
}

function logOf() {
  const lines: string[] = [];
  const sink = new Writable({
    write: (chunk: Buffer, _, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  return { logger: pino({ level: 'info' }, sink), text: () => lines.join('') };
}

const post = ({ raw }: RunningDashboard, path: string, fields: Record<string, string>) =>
  raw({
    method: 'POST',
    path,
    headers: { ...FORM, accept: 'text/html' },
    body: new URLSearchParams(fields).toString(),
  });

test('what is removed while Redis is full is told of as removed, and the log has the ids that the audit can not keep', async () => {
  const here = place((await ownRedis()).url);
  const worker = await here.worker();
  const failed = await failing(here, 5, 0);
  await worker.close();
  await here.producer({ maxBatch: 1 }).submit(
    Array.from({ length: 3 }, () => ({
      operation: 'counter.increment' as const,
      params: { key: here.key('n') },
    })),
  );
  const waiting = (await openQueue(here).getWaiting()).map(({ id }) => id!);
  const { logger, text } = logOf();
  const dashboard = await startDashboard(here, { logger });
  await here.client.config('SET', 'maxmemory', '1mb');
  const removed = await post(dashboard, '/ops/failures/remove', { updates: '5' });
  expect(removed).toMatchObject({ status: 303, headers: { location: expect.stringContaining('removed=5') as string } });
  const fields = { queue: 'counters', state: 'waiting', updates: '3' };
  expect((await post(dashboard, '/ops/remove-waiting', fields)).body).toContain('Removed 3 updates');
  await dashboard.close();
  for (const id of [...failed, ...waiting]) {
    expect(text()).toContain(`counters ${id} counter.increment 1`);
  }
  expect(text()).toContain('removed 5 updates in 5 jobs: all');
  await here.client.config('SET', 'maxmemory', '0');
});

test('the dashboard says how many were removed before it failed, and keeps which', async () => {
  const here = place((await ownRedis()).url);
  await here.worker();
  const failed = await failing(here, 3, 1);
  const { logger, text } = logOf();
  const dashboard = await startDashboard(await ofCounters(here), { logger });
  const answer = await post(dashboard, '/ops/failures/remove', { updates: '4' });
  expect(answer.status).toBe(503);
  expect(answer.body).toContain('3 updates in 3 jobs had been removed before it failed');
  const [path] = /\/ops\/audit\/jobs\/[0-9a-f]{16}/.exec((await dashboard.raw({ path: '/ops/audit' })).body)!;
  const kept = (await dashboard.raw({ path })).body;
  for (const id of failed) {
    expect(kept).toContain(id);
    expect(text()).toContain(`counters ${id} counter.increment 1`);
  }
  expect(text(), 'of the one that could not be').toMatch(/xp \S+ xp.award 1.*1 jobs that may have been removed/);
});

test('the API says how many were removed before it failed, and the log has which', async () => {
  const here = place((await ownRedis()).url);
  await here.worker();
  const failed = await failing(here, 3, 1);
  const { logger, text } = logOf();
  const api = await startApi({ ...(await ofCounters(here)), logger });
  const answer = await api.post<{ detail: string }>('/v1/failures/remove', { updates: 4 });
  expect(answer).toMatchObject({ status: 503, body: { code: 'REDIS_REFUSED', accepted: 'unknown' } });
  expect(answer.body.detail).toContain('3 updates in 3 jobs were removed so far');
  expect(failed.filter((id) => !text().includes(id))).toEqual([]);
});

test.each([[[]], [['--json']]])('the command tells which were removed before it failed: %s', async (flags) => {
  const here = place((await ownRedis()).url);
  await here.worker();
  const failed = await failing(here, 3, 1);
  const { redis, namespace, prefix } = await ofCounters(here);
  const environment = { REDIS_URL: redis, TALLY_NAMESPACE: namespace, TALLY_PREFIX: prefix };
  const { code, stdout, stderr } = await tally(environment, 'failures', 'remove', '--confirm', '4', ...flags);
  expect(code).toBeGreaterThan(0);
  expect(failed.filter((id) => !stdout.includes(id))).toEqual([]);
  expect(stdout).not.toContain('xp');
  expect(stderr).toContain('removed 3 updates in 3 jobs before it failed');
});
