import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { launchBrowser } from '../support/launch-browser.js';
import { ON_CALL } from './dashboard.js';
import type { Dashboard } from './dashboard.js';

const VIEWPORT = { width: 1280, height: 800 };

/** Takes the pictures of the README, of what is broken at this moment. */
export async function takePictures({ origin }: Dashboard, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const browser = await launchBrowser();
  try {
    const context = await browser.newContext({ viewport: VIEWPORT, extraHTTPHeaders: ON_CALL });
    const page = await context.newPage();
    for (const [path, file] of [
      ['/ops', 'overview.png'],
      ['/ops/failures', 'failures.png'],
    ] as const) {
      await page.goto(origin + path);
      await page.locator('main h2').first().waitFor();
      await page.screenshot({ path: join(folder, file) });
    }
  } finally {
    await browser.close();
  }
}
