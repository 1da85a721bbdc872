import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { withHistory } from '../../src/index.js';
import { createWebhookSender } from '../../src/subscribers/webhooks/webhook-sender.js';
import { signIn, startBrowser } from '../support/browser.js';
import { addUser, startDashboard } from '../support/dashboard.js';
import { subscribe } from '../support/subscribers.js';
import { place } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { webhooksOf } from '../support/webhooks.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const OPERATIONS = [withHistory('counter.increment', 100)];

/** Subscribers and webhooks of long names, one of them disabled. */
async function listenTo(here: Place): Promise<void> {
  await subscribe(here, { group: `low-stock-${'of-the-shop-'.repeat(7)}`, onOutcome: () => undefined });
  const { webhooks, options } = webhooksOf(here);
  const { redis, namespace, prefix, logger } = here;
  const sender = createWebhookSender({ redis, namespace, prefix, logger, webhooks: options, closeTimeoutMs: 2_000 });
  onTestFinished(() => sender.close());
  const byHand = { handshake: false };
  await webhooks.add({ url: `https://${'hooks-of-a-shop.'.repeat(8)}example/tally` }, byHand);
  const { webhook } = await webhooks.add({ url: 'https://example.com/tally' }, byHand);
  await webhooks.setEnabled(webhook.id, false);
}

/** A dashboard with something on each of its pages, and the paths of these. */
async function filled(here: Place) {
  await here.client.set(here.key('bad:\u202etxt'), 'no number');
  const dashboard = await startDashboard(here, { operations: OPERATIONS });
  await here.worker({ operations: OPERATIONS, outcomes: true });
  await listenTo(here);
  const producer = here.producer({ operations: OPERATIONS });
  const sent = [
    await producer.counters.increment({ key: here.key('views'), by: 1_200 }),
    await producer.counters.increment({ key: here.key('views'), by: 340 }),
    await producer.counters.increment({ key: here.key('bad:\u202etxt') }),
  ];
  await Promise.all(sent.map((submission) => submission.outcome()));
  await producer.counters.increment({ key: here.key('later') }, { delay: 3_600_000 });
  const key = encodeURIComponent(here.key('views'));
  const own = [
    ...['/ops', '/ops/failures', '/ops/failures/remove', '/ops/audit', '/ops/schedules', '/ops/webhooks'],
    ...[
      `/ops/keys?key=${key}`,
      `/ops/keys?key=${encodeURIComponent(here.key('*'))}`,
      '/ops/find?update=x',
      '/ops/runbook/TallyNoWorkers',
    ],
    ...['/ops/runbook', '/ops/runbook/The-dashboard-while-a-master-is-unreachable', '/ops/docs/operations'],
    '/ops/remove-waiting?queue=counters&state=delayed',
  ];
  return { origin: dashboard.origin, own, board: ['/ops/queues', '/ops/queues/queue/counters?status=failed'] };
}

const COLOR_SCHEMES = ['light', 'dark'] as const;

/** In px: a phone, a tablet and a wide screen. */
const WIDTHS = [390, 1024, 1400];

/** Where axe looks as well, which takes long: at both ends of these. */
const AXE_AT = { light: 390, dark: 1400 };

/** The board goes on to draw itself, and has a heading from here on. */
const BOARD = { drawMs: 1_500, axeAt: { light: 1024, dark: 1024 } };

/** How far the page reaches beyond its window, in px, once it has heard how wide that is. */
const OVER = `new Promise((resolve) => requestAnimationFrame(() => {
  resolve(document.documentElement.scrollWidth - innerWidth);
}))`;

/** In each color scheme the page fits each width, and axe finds nothing to mend. */
async function expectWell(page: Page, url: string, { drawMs, axeAt } = { drawMs: 0, axeAt: AXE_AT }): Promise<void> {
  for (const colorScheme of COLOR_SCHEMES) {
    await page.emulateMedia({ colorScheme });
    await page.goto(url);
    await page.locator('h1').first().waitFor({ state: 'attached' });
    await page.waitForTimeout(drawMs);
    await page.evaluate(AXE);
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 844 });
      const over = await page.evaluate<number>(OVER);
      const violations = width === axeAt[colorScheme] ? await violationsOn(page) : [];
      expect({ url, width, colorScheme, over, violations }).toEqual({
        url,
        width,
        colorScheme,
        over: 0,
        violations: [],
      });
    }
  }
}

async function violationsOn(page: Page): Promise<string[]> {
  const found = await page.evaluate<{ violations: { id: string; nodes: { html: string }[] }[] }>('axe.run()');
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 200) ?? ''}`);
}

test('every page fits its window, from a phone to a wide screen, in light and dark, and axe finds nothing to mend', async () => {
  const { origin, own, board } = await filled(place());
  const { page, errors, outside } = await (await startBrowser()).visit();
  for (const path of [...own, ...board]) {
    await expectWell(page, origin + path, board.includes(path) ? BOARD : undefined);
  }
  expect({ errors, outside }).toEqual({ errors: [], outside: [] });
});

test('so do sign-in, what a viewer sees, and what is refused or not there', async () => {
  const here = place();
  const { origin, board } = await filled(here);
  await addUser(here, 'victor', 'viewer');
  const { page, outside } = await (await startBrowser()).visit();
  await expectWell(page, `${origin}/ops`);
  await signIn(page, origin, 'victor');
  for (const path of ['/ops', '/ops/failures', '/ops/failures/remove', '/ops/nothing-here']) {
    await expectWell(page, origin + path);
  }
  await expectWell(page, origin + board[1]!, BOARD);
  expect(outside).toEqual([]);
});

test('a browser that is refused is told why, and the way back', async () => {
  const here = place();
  const { origin } = await startDashboard(here);
  await addUser(here, 'victor', 'viewer');
  const { page } = await (await startBrowser()).visit();
  await signIn(page, origin, 'victor');

  const refused = await page.goto(`${origin}/ops/failures/remove`);
  expect(refused!.status()).toBe(403);
  expect(await page.locator('main').innerText()).toContain(
    'victor is a viewer, and only an operator may change anything',
  );
  const missing = await page.goto(`${origin}/ops/nothing-here`);
  expect(missing!.status()).toBe(404);
  expect(await page.locator('main').innerText()).toContain('there is nothing at /ops/nothing-here');
  await page.getByRole('link', { name: 'To the overview' }).click();
  await page.waitForURL(`${origin}/ops`);
});

test('on a phone a change of a key takes two lines', async () => {
  const { origin, own } = await filled(place());
  const { page } = await (await startBrowser()).visit({ viewport: { width: 390, height: 844 } });
  await page.goto(origin + own.find((path) => path.startsWith('/ops/keys'))!);
  const row = page.locator('table tbody tr').first();
  expect((await row.boundingBox())!.height).toBeLessThan(70); // it was 444
});

test("times are the reader's, in 24 hours, with the zone said, on pages and board; and keys can't turn text around", async () => {
  const { origin, own, board } = await filled(place());
  const { page } = await (await startBrowser()).visit();
  await page.goto(`${origin}/ops/failures`);
  const zone = await page.evaluate<string>('Intl.DateTimeFormat().resolvedOptions().timeZone');
  const shown = await page.locator('main').innerText();
  expect(shown).toContain(zone);
  expect(shown).toMatch(/\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}/);
  expect(shown).toContain(String.raw`\u202etxt`);
  expect(shown).not.toContain('\u202e');
  await page.goto(origin + board[1]!);
  await page.getByText('NOT_AN_INTEGER').first().waitFor();
  expect(await page.locator('#root').innerText()).not.toMatch(/\u202e|\d [AP]M/);
  expect(own.length).toBeGreaterThan(8);
});

test('the board leads to the other pages, names its icons, and offers nothing that is refused', async () => {
  const { origin, board } = await filled(place());
  const { page } = await (await startBrowser()).visit();
  await page.goto(origin + board[1]!);
  const sections = page.locator('#bull-board-sidebar .tally-sections a');
  await sections.first().waitFor();
  expect(await sections.allInnerTexts()).toEqual(
    expect.arrayContaining(['Overview', 'Failures', 'Queues', 'Keys', 'Schedules', 'Webhooks', 'Audit']),
  );
  const actions = page.locator('ul[class*="jobActions"] button:visible');
  await actions.first().waitFor();
  const names = async () => Promise.all((await actions.all()).map((each) => each.getAttribute('aria-label')));
  await expect.poll(names).toEqual(['Retry', 'Remove']);
  await page.getByRole('button', { name: 'Clean all' }).click();
  await page.waitForURL('**/ops/failures?queue=counters');
});
