import { spawnSync } from 'node:child_process';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { onTestFinished } from 'vitest';

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome'];

const ARGUMENTS = [
  '--no-sandbox', // it has none where the tests run as root
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

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
}

export const LAPTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

/** A headless Chromium; each visitor has cookies of its own. */
export async function startBrowser(): Promise<{ visit(options?: VisitorOptions): Promise<Visitor> }> {
  const program = PROGRAMS.find((name) => spawnSync(name, ['--version']).status === 0);
  if (program === undefined) {
    throw new Error(`none of ${PROGRAMS.join(', ')} is on the PATH: install one; \`npm test\` does on Debian`);
  }
  const browser: Browser = await chromium.launch({ executablePath: pathOf(program), args: ARGUMENTS });
  onTestFinished(() => browser.close());
  return {
    visit: async ({ colorScheme = 'light', viewport = LAPTOP } = {}) =>
      watch(await browser.newContext({ colorScheme, viewport })),
  };
}

function pathOf(program: string): string {
  return spawnSync('which', [program], { encoding: 'utf8' }).stdout.trim();
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
