import { Queue } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { Html, html } from '../../src/web/html.js';
import { renderPage } from '../../dashboard/page.js';
import { addUser, signInRequest, startDashboard } from '../support/dashboard.js';
import { place, until } from '../support/tally.js';

/** Puts times into the zone of the reader. */
const OWN_SCRIPT = '<script defer src="/ops/page.js"></script>';

const SCRIPT = `"><script>alert('x')</script><img src=x onerror=alert(1)>`;

test('every value in a page is escaped, in text and in attributes', () => {
  const row = html`<a title="${SCRIPT}">${SCRIPT}</a> ${[SCRIPT, 7]} ${undefined}${false}`;
  const shown = renderPage({ title: SCRIPT, user: { name: SCRIPT, role: 'viewer', by: 'proxy' }, content: row });
  expect(shown).not.toMatch(/<script|<img src=x|x"[^>]*onerror/);
  expect(Html.data('d', SCRIPT).toString()).not.toMatch(/<script>a|<img/);
  expect(shown.match(/&quot;&gt;&lt;script&gt;alert\(&#39;x&#39;\)/g)).toHaveLength(6);
});

test('a script in the path of an action or in a name that is tried does not run on the page of the audit', async () => {
  const here = place();
  await addUser(here, 'olaf', 'operator');
  const dashboard = await startDashboard(here);
  const cookie = await dashboard.signIn('olaf');
  const path = `/ops/queues/api/queues/${encodeURIComponent(SCRIPT)}/${encodeURIComponent(SCRIPT)}/retry`;
  await dashboard.raw({ method: 'PUT', path, headers: { cookie } });
  await dashboard.raw({ method: 'PUT', path });
  await dashboard.raw({ method: 'PUT', path: '/ops/queues/api/queues/%F0%9F%92%A9'.repeat(30), headers: { cookie } });
  await dashboard.raw(signInRequest(SCRIPT, SCRIPT));
  let page = '';
  await until('all are on the page', async () => {
    page = (await dashboard.raw({ path: '/ops/audit', headers: { cookie } })).body;
    return page.split('<tr>').length === 8; // with the sign-in, in two tables with a head each
  });
  expect(page).toContain('&lt;script&gt;');
  expect(page.replace(OWN_SCRIPT, '')).not.toMatch(/<script|<img src=x/);
});

test('the pages allow no script but that for times, no style of their own and nothing from elsewhere, and no other page may frame them', async () => {
  const here = place();
  await addUser(here, 'olaf', 'operator');
  const dashboard = await startDashboard(here);
  const cookie = await dashboard.signIn('olaf');
  for (const path of ['/ops/sign-out', '/ops/audit', '/ops/sign-in']) {
    const { headers, body } = await dashboard.raw({ path, ...(path !== '/ops/sign-in' && { headers: { cookie } }) });
    const scripts = path === '/ops/audit' ? "; script-src 'self'; connect-src 'self'" : '';
    expect(headers['content-security-policy'], path).toBe(
      `default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'${scripts}`,
    );
    expect(headers['cache-control'], path).toBe('no-store');
    expect(body.replace(OWN_SCRIPT, ''), path).not.toMatch(/<script|<style|style=|\son\w+=|https?:/);
  }
  const stylesheet = await dashboard.raw({ path: '/ops/pages.css' });
  expect(stylesheet).toMatchObject({ status: 200, headers: { 'content-type': 'text/css; charset=utf-8' } });
});

test('a script in the data of a job reaches the browser as data, never as part of a page', async () => {
  const here = place();
  const dashboard = await startDashboard(here);
  const producer = here.producer();
  await producer.counters.increment({ key: here.key(SCRIPT) });
  const queue = new Queue('counters', { connection: here.client, prefix: here.prefix });
  onTestFinished(() => queue.close());
  const { id } = await queue.add(SCRIPT, { html: SCRIPT }, { jobId: 'odd' });
  for (const path of ['/ops/queues/queue/counters', `/ops/queues/queue/counters/${id}`]) {
    expect((await dashboard.raw({ path })).body).not.toContain('alert');
  }
  const answer = await dashboard.raw({ path: `/ops/queues/api/queues/counters/${id}` });
  expect(answer.body).toContain('alert');
  expect(answer.headers).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'x-content-type-options': 'nosniff',
  });
});
