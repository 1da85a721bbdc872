import { expect, test } from 'vitest';
import { startBrowser } from '../support/browser.js';
import { startDashboard } from '../support/dashboard.js';
import { place } from '../support/tally.js';
import type { Place } from '../support/tally.js';

/** A dashboard whose queue `counters` holds a failed update. */
async function withFailure(here: Place) {
  await here.client.set(here.key('bad'), 'no number');
  await here.worker();
  const producer = here.producer();
  await (await producer.counters.increment({ key: here.key('bad') })).outcome();
  return { producer, dashboard: await startDashboard(here) };
}

test.each([
  ['Australia/Adelaide', 630],
  ['America/St_Johns', -150],
])(
  'times are those of the reader in %s, %i minutes ahead in summer, and the zone is said',
  async (timezoneId, minutesAhead) => {
    const here = place();
    const { dashboard } = await withFailure(here);
    const { page } = await (await startBrowser()).visit({ timezoneId });
    for (const path of ['/ops', '/ops/failures', '/ops/audit', '/ops/schedules']) {
      await page.goto(dashboard.origin + path);
      expect(await page.locator('main').innerText(), path).toContain(timezoneId);
    }
    await page.goto(`${dashboard.origin}/ops/failures`);
    const time = page.locator('main time').first();
    const [shown, exact] = [await time.innerText(), await time.getAttribute('datetime')];
    const aheadMinutes = (Date.parse(`${shown.replace(' ', 'T')}Z`) - Date.parse(exact!)) / 60_000;
    expect([minutesAhead, minutesAhead - 60].some((each) => Math.abs(aheadMinutes - each) < 1)).toBe(true);
    await page.goto(`${dashboard.origin}/ops/queues/queue/counters?status=failed`);
    await page.getByText('NOT_AN_INTEGER').first().waitFor();
    const board = await page.locator('#root').innerText();
    expect(board).toContain(shown.slice(11, 16)); // hours and minutes
  },
);

test('the overview changes by itself, and says so when it can not', async () => {
  const here = place();
  const { dashboard, producer } = await withFailure(here);
  const { page } = await (await startBrowser()).visit();
  await page.goto(`${dashboard.origin}/ops`);
  const tile = page.locator('.tiles .card', { hasText: 'Jobs for later' });
  expect(await tile.innerText()).toMatch(/\b0$/);
  await producer.counters.increment({ key: here.key('later') }, { delay: 3_600_000 });
  await expect.poll(() => tile.innerText(), { timeout: 20_000 }).toMatch(/\b1$/);
  const stale = page.locator('#stale');
  expect(await stale.isVisible()).toBe(false);
  await page.route('**/ops/overview-part', (route) => route.abort());
  await expect.poll(() => stale.isVisible(), { timeout: 20_000 }).toBe(true);
  await page.unroute('**/ops/overview-part');
  await expect.poll(() => stale.isVisible(), { timeout: 20_000 }).toBe(false);
});
