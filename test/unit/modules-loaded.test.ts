import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const LIBRARY = new URL('../../dist/src/index.js', import.meta.url).href;

/** Writes the URL of each module that is loaded. */
const HOOK = `
import { writeSync } from 'node:fs';
export function load(url, context, next) {
  writeSync(2, url + '\\n');
  return next(url, context);
}`;

const IMPORT = `
import { createRequire, register } from 'node:module';
register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(HOOK)}));
await import('${LIBRARY}');
console.log(Object.keys(createRequire('${LIBRARY}').cache).map((file) => 'file://' + file).join('\\n'));`;

/** What a process loads that imports the library, and does nothing with it. */
function loaded(): string[] {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', IMPORT], {
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  const files = `${stdout}\n${stderr}`.split('\n').filter((url) => url.startsWith('file://'));
  return [...new Set(files)].map((url) => fileURLToPath(url));
}

test('to import the library loads what every producer and worker needs, and no metrics', () => {
  const files = loaded();
  const packages = new Set(files.flatMap((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? []));
  expect(packages).toContain('bullmq');
  for (const name of ['prom-client', '@opentelemetry/api', 'express', 'undici']) {
    expect(packages).not.toContain(name);
  }
  // 660 when this was written; with prom-client and what it brings 738. Each takes half a millisecond or more.
  expect(files.length).toBeLessThan(690);
});
