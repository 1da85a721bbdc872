import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { addUser, PASSWORD, signInRequest, startDashboard } from '../support/dashboard.js';
import type { RunningDashboard } from '../support/dashboard.js';
import { ownRedis, place, until } from '../support/tally.js';

const PAGE = { accept: 'text/html' };

async function pageOf({ raw }: RunningDashboard, path: string, cookie?: string) {
  const { status, body } = await raw({ path, headers: { ...PAGE, ...(cookie && { cookie }) } });
  return { status, body: body.replace(/\s+/g, ' ') };
}

test('every link of the runbook leads to a page and a place in it, for strangers too, below any path', async () => {
  const here = place();
  await addUser(here, 'vera', 'viewer');
  const dashboard = await startDashboard(here, { basePath: '/tools/tally' });
  const pages = new Map<string, string>();
  const wanted = ['/tools/tally/ops/runbook'];
  for (const path of wanted) {
    const { status, body } = await pageOf(dashboard, path);
    expect({ path, status }).toEqual({ path, status: 200 });
    pages.set(path, body);
    const article = /<article>(.*)<\/article>/.exec(body)![1]!;
    for (const [, to = ''] of article.matchAll(/href="([^"]+)"/g)) {
      expect(to).toMatch(/^(https?:|\/tools\/tally\/ops\/(runbook|docs)\b)/);
      const [page = ''] = to.split('#');
      if (page.startsWith('/') && !wanted.includes(page)) {
        wanted.push(page);
      }
    }
    expect(article.replace(/<(code)>.*?<\/\1>/g, '')).not.toMatch(/\*\*|\]\(/);
  }
  expect(wanted.filter((path) => path.includes('/runbook/')).length).toBeGreaterThan(20);
  expect(wanted).toContain('/tools/tally/ops/docs/operations');
  for (const body of pages.values()) {
    for (const [, page = '', id = ''] of body.matchAll(/href="(\/tools[^"#]+)#([^"]+)"/g)) {
      expect(pages.get(page), `${page}#${id}`).toContain(`id="${id}"`);
    }
  }
  const contents = pages.get('/tools/tally/ops/runbook')!;
  expect(contents).toMatch(
    /TallyNoMetrics<\/a><\/p> <div class="muted"><p>For 5 minutes neither a <code>tally api<\/code>/,
  );
  for (const [, words = ''] of contents.matchAll(/<div class="muted"><p>(.*?)<\/p>/g)) {
    expect(words.split(' ').length, words).toBeGreaterThan(2);
  }
  expect((await pageOf(dashboard, '/ops/docs/..%2fpackage')).status).toBe(404);
});

test('while Redis hangs, pages say so within seconds, since when and what to do; the runbook is there, and the log says it once', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  await addUser(here, 'vera', 'viewer');
  const stream = new PassThrough();
  let log = '';
  stream.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const dashboard = await startDashboard(here, { logger: pino(stream) });
  const cookie = await dashboard.signIn('vera');
  await until('it is there', async () => (await pageOf(dashboard, '/ops', cookie)).status === 200);
  const pid = redis.pid();
  process.kill(pid, 'SIGSTOP');
  onTestFinished(() => void process.kill(pid, 'SIGCONT'));
  const startedAtMs = performance.now();
  const { status, body } = await pageOf(dashboard, '/ops', cookie);
  expect(performance.now() - startedAtMs).toBeLessThan(10_000); // a command may take 20 s
  expect(status).toBe(503);
  expect(body).toMatch(/Redis has not answered since <time datetime="[^"]+".*href="\/ops\/runbook\/TallyRedisDown"/);
  const since = /datetime="([^"]+)"/.exec(body)![1];
  expect((await pageOf(dashboard, '/ops/overview-part', cookie)).body).toContain(`datetime="${since}"`);
  const program = await dashboard.raw({ path: '/ops/queues/api/queues', headers: { cookie } });
  expect(JSON.parse(program.body)).toMatchObject({ error: 'REDIS_AWAY' });
  expect((await pageOf(dashboard, '/ops/runbook/TallyRedisDown')).status).toBe(200);
  expect(log.match(/the dashboard could not answer/g)).toHaveLength(1); // it could not three times
  process.kill(pid, 'SIGCONT');
  await until('it is back', async () => (await pageOf(dashboard, '/ops', cookie)).status === 200);
});

test('while Redis takes no writes, the overview says that and nothing that follows; sessions hold, a sign-in says why not', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  await addUser(here, 'vera', 'viewer');
  const before = await startDashboard(here);
  const cookie = await before.signIn('vera');
  await here.client.config('SET', 'min-replicas-to-write', '1');
  const since = await startDashboard(here);
  for (const dashboard of [before, since]) {
    const { status, body } = await pageOf(dashboard, '/ops', cookie);
    expect(status).toBe(200);
    expect(body).toMatch(/Not healthy:<\/strong> Redis at \S+ refuses all writes with NOREPLICAS/);
    expect(body).not.toMatch(/no worker serves|None has said/);
  }
  const signIn = await since.raw(signInRequest('vera', PASSWORD, PAGE));
  expect(signIn.status).toBe(503);
  expect(signIn.body.replace(/\s+/g, ' ')).toMatch(
    /Redis refuses \(NOREPLICAS\).*nobody can sign in.*href="\/ops\/runbook\/TallyRedisRefuses"/,
  );
});
