import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { withHistory } from '../../src/index.js';
import { LAPTOP, PHONE, signIn, startBrowser } from '../support/browser.js';
import type { Visitor } from '../support/browser.js';
import { addUser, startDashboard } from '../support/dashboard.js';
import { ended, foreignWorker, openQueue } from '../support/queues.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

test('an operator sees a result and a failure with its reason, retries it once its cause is gone, and is in the audit', async () => {
  const here = place();
  const dashboard = await startDashboard(here);
  await addUser(here, 'olga', 'operator');
  await here.worker();
  const { applied, failed } = await oneOfEach(here);
  const visitor = await (await startBrowser()).visit();
  const { page } = visitor;
  await signIn(page, dashboard.origin, 'olga');

  await page.goto(`${dashboard.origin}/ops/queues/queue/counters?status=completed`);
  await page.getByText(applied.jobId).first().waitFor();
  await page.getByText('"applied"').first().waitFor();
  await screenshot(page, 'board.png');
  expect(await page.locator('a[class*="externalLink"]').first().getAttribute('href')).toContain(applied.id);

  await page.goto(`${dashboard.origin}/ops/queues/queue/counters?status=failed`);
  await page.getByText(failed.jobId).first().waitFor();
  await page.getByText('NOT_AN_INTEGER').first().waitFor();
  await here.client.del(here.key('text'));
  await page.getByRole('button', { name: 'Retry all' }).click();
  await page.getByRole('button', { name: 'Confirm' }).click();
  await until('it is applied', async () => (await here.client.get(here.key('text'))) === '1');
  await page.goto(`${dashboard.origin}/ops/queues/queue/counters/${failed.jobId}`);
  await page.getByText('"applied"').first().waitFor();

  await page.goto(`${dashboard.origin}/ops/audit`);
  await page.getByText('olga').first().waitFor();
  expect(await page.locator('main').innerText()).toMatch(/retr/i);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  expectQuiet(visitor);
});

test('a viewer sees the same without buttons, and is refused what the page does not offer', async () => {
  const here = place();
  const dashboard = await startDashboard(here);
  await addUser(here, 'victor', 'viewer');
  await here.worker();
  const { failed } = await oneOfEach(here);
  const visitor = await (await startBrowser()).visit();
  const { page } = visitor;
  await signIn(page, dashboard.origin, 'victor');
  await page.goto(`${dashboard.origin}/ops/queues/queue/counters?status=failed`);
  await page.getByText(failed.jobId).first().waitFor();
  expect(await page.getByRole('button', { name: /Retry|Clean/ }).count()).toBe(0);
  expectQuiet(visitor); // what follows is refused, which the console tells

  const retry = `/ops/queues/api/queues/counters/${failed.jobId}/retry/failed`;
  const status = await page.evaluate(async (path) => (await fetch(path, { method: 'PUT' })).status, retry);
  expect(status).toBe(403);
  expect(await here.client.zscore(`${here.prefix}:counters:failed`, failed.jobId)).not.toBeNull();
});

test('what another program completed can be retried from the board, and what Tally completed can not', async () => {
  const here = place();
  const dashboard = await startDashboard(here);
  const foreign = await foreignWorker(here, 'counters', () => Promise.resolve('done'));
  const { jobId } = await here.producer().counters.increment({ key: here.key('n') });
  await ended(openQueue(here), jobId);
  await foreign.close();
  const visitor = await (await startBrowser()).visit();
  const { page } = visitor;
  const actions = page.locator('[class*="jobActions"] button:visible'); // to retry if it can be, to remove

  await page.goto(`${dashboard.origin}/ops/queues/queue/counters/${jobId}`);
  await page.getByText('"FOREIGN_WORKER"').first().waitFor();
  expect(await actions.count()).toBe(2);
  await actions.first().click();
  await page.getByRole('button', { name: 'Confirm' }).click();
  await here.worker();
  await until('it is applied', async () => (await here.client.get(here.key('n'))) === '1');
  await page.reload();
  await page.getByText('"applied"').first().waitFor();
  expect(await actions.count()).toBe(1);
  expectQuiet(visitor);
});

test('a page of another site can not act with the session of who visits it', async () => {
  const here = place();
  const [dashboard, other] = [await startDashboard(here), await startDashboard(here)];
  await addUser(here, 'olga', 'operator');
  await here.worker();
  const { failed } = await oneOfEach(here);
  const { page } = await (await startBrowser()).visit();
  await signIn(page, dashboard.origin, 'olga');
  await page.goto(`${other.origin}/ops/sign-in`); // another origin, though of the same machine
  await page.evaluate(async (url) => {
    await fetch(url, { method: 'PUT', mode: 'no-cors', credentials: 'include' }).catch(() => undefined);
  }, `${dashboard.origin}/ops/queues/api/queues/counters/${failed.jobId}/retry/failed`);
  await page.setContent(`<form method="post" action="${dashboard.origin}/ops/queues/api/queues/counters/pause">`);
  await page.evaluate('document.forms[0].submit()');
  await page.waitForLoadState();
  expect(await here.client.zscore(`${here.prefix}:counters:failed`, failed.jobId)).not.toBeNull();
  expect(await here.client.hget(`${here.prefix}:counters:meta`, 'paused')).toBeNull();
});

test.each([
  { name: 'laptop, light', colorScheme: 'light', viewport: LAPTOP, file: 'keys.png' },
  { name: 'phone, dark', colorScheme: 'dark', viewport: PHONE, file: 'keys-phone-dark.png' },
] as const)('the key inspector shows each change and draws them ($name)', async ({ file, ...look }) => {
  const here = place();
  const operations = [withHistory('counter.increment', 100), withHistory('counter.decrement', 100)];
  const dashboard = await startDashboard(here, { operations });
  await addUser(here, 'olga', 'operator');
  await here.worker({ operations });
  const producer = here.producer({ operations });
  const key = here.key('<b>views</b>');
  for (const by of [120, 45, -30, 80, 15]) {
    const change = by > 0 ? producer.counters.increment({ key, by }) : producer.counters.decrement({ key, by: -by });
    await (await change).outcome();
  }
  const visitor = await (await startBrowser()).visit(look);
  const { page } = visitor;
  await signIn(page, dashboard.origin, 'olga');
  await page.goto(`${dashboard.origin}/ops/keys`);
  await page.getByLabel('Key', { exact: true }).fill(key);
  await page.getByRole('button', { name: 'Show' }).click();
  await page.locator('canvas').waitFor();
  const text = await page.locator('main').innerText();
  expect(['230', '+120', '-30'].filter((it) => !text.replaceAll('−', '-').includes(it))).toEqual([]);
  expect(await page.evaluate(DRAWN_PIXELS)).toBeGreaterThan(100);
  expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), 'to scroll sideways').toBe(0);
  await screenshot(page, file);
  expectQuiet(visitor);
});

test('schedules fit a phone, and an operator reverts an update there', async () => {
  const here = place();
  const dashboard = await startDashboard(here);
  await addUser(here, 'olga', 'operator');
  await here.worker();
  const producer = here.producer();
  const update = { operation: 'counter.increment', params: { key: here.key('views-of-the-day'), by: 5 } } as const;
  await producer.schedules.put({ id: 'views-daily', everyMs: 3_600_000, update });
  await producer.schedules.put({
    id: 'nightly',
    cron: '30 4 * * 1-5',
    timeZone: 'America/Argentina/Buenos_Aires',
    update,
  });
  await until('one has run', async () => (await producer.schedules.get('views-daily'))?.lastRun !== undefined);
  const sent = await producer.counters.increment({ key: here.key('n'), by: 5 });
  await sent.outcome();
  const visitor = await (await startBrowser()).visit({ viewport: PHONE });
  const { page } = visitor;
  await signIn(page, dashboard.origin, 'olga');
  await page.goto(`${dashboard.origin}/ops/schedules`);
  const sideways = (element: string) => page.evaluate(`${element}.scrollWidth - ${element}.clientWidth`);
  expect(await sideways("document.querySelector('.scroll')"), 'to scroll the table sideways').toBe(0);
  expect(await sideways('document.documentElement'), 'to scroll sideways').toBe(0);
  const text = await page.locator('main').innerText();
  expect(['nightly', 'America/Argentina/Buenos_Aires', 'views-of-the-day'].filter((it) => !text.includes(it))).toEqual(
    [],
  );
  await screenshot(page, 'schedules-phone.png');

  await page.goto(`${dashboard.origin}/ops/find?update=${sent.id}`);
  await page.getByRole('button', { name: /^Revert/ }).click();
  await page.getByText('tally:revert', { exact: false }).or(page.getByText('counter.decrement')).first().waitFor();
  await until('it is reverted', async () => (await here.client.get(here.key('n'))) === '0');
  expectQuiet(visitor);
});

/** A result, and a failure whose cause can be removed. */
async function oneOfEach(here: Place) {
  const producer = here.producer();
  await here.client.set(here.key('text'), 'not a number');
  const applied = await producer.counters.increment({ key: here.key('views'), by: 5 });
  const failed = await producer.counters.increment({ key: here.key('text') });
  await Promise.all([applied.outcome(), failed.outcome()]);
  return { applied, failed };
}

function expectQuiet({ errors, outside }: Visitor): void {
  expect({ errors, outside }).toEqual({ errors: [], outside: [] });
}

/** How many pixels of the page's chart are not transparent. */
const DRAWN_PIXELS = `(() => {
  const canvas = document.querySelector('canvas');
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  return pixels.filter((value, place) => place % 4 === 3 && value > 0).length;
})()`;

/** Kept only when asked for: `SCREENSHOTS=docs/images npx vitest run test/browser`. */
async function screenshot(page: Page, file: string): Promise<void> {
  const folder = process.env['SCREENSHOTS'];
  if (folder !== undefined) {
    mkdirSync(folder, { recursive: true });
    await page.screenshot({ path: join(folder, file), fullPage: true });
  }
}
