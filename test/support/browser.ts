import type { BrowserContext, Page } from 'playwright-core';
import { onTestFinished } from 'vitest';
import { PASSWORD } from './dashboard.js';
import { launchBrowser } from './launch-browser.js';

/** A person in front of a browser, and what went wrong there. */
export interface Visitor {
  readonly page: Page;
  /** Errors in the console, uncaught ones included, and answers of 4xx and 5xx, which the console shows as well. */
  readonly errors: string[];
  /** Requests to anywhere but this machine. They are not let out. */
  readonly outside: string[];
}

export interface VisitorOptions {
  readonly colorScheme?: 'light' | 'dark';
  readonly viewport?: { readonly width: number; readonly height: number };
  /** Whose time is on the clock of who looks. @defaultValue that of this machine */
  readonly timezoneId?: string;
}

export const LAPTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

/** A headless Chromium; each visitor has cookies of its own. */
export async function startBrowser(): Promise<{ visit(options?: VisitorOptions): Promise<Visitor> }> {
  const browser = await launchBrowser();
  onTestFinished(() => browser.close());
  return {
    visit: async ({ colorScheme = 'light', viewport = LAPTOP, timezoneId } = {}) =>
      watch(await browser.newContext({ colorScheme, viewport, ...(timezoneId !== undefined && { timezoneId }) })),
  };
}

async function watch(context: BrowserContext): Promise<Visitor> {
  const errors: string[] = [];
  const outside: string[] = [];
  await context.route(
    ({ protocol, hostname }) => protocol !== 'file:' && hostname !== '127.0.0.1',
    async (route) => {
      outside.push(route.request().url());
      await route.abort();
    },
  );
  const page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error') {
      errors.push(`${message.text()} (${message.location().url})`);
    }
  });
  page.on('pageerror', (error) => errors.push(error.message));
  return { page, errors, outside };
}

/** As a user with the password of all in tests. */
export async function signIn(page: Page, origin: string, name: string): Promise<void> {
  await page.goto(`${origin}/ops`);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL('**/ops');
}
