import { spawnSync } from 'node:child_process';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';

const BUILT = fileURLToPath(new URL('../../dist', import.meta.url));
const LIBRARY = pathToFileURL(join(BUILT, 'src/index.js')).href;

/** Writes the URL of each module that is loaded. */
const HOOK = `
import { writeSync } from 'node:fs';
export function load(url, context, next) {
  writeSync(2, url + '\\n');
  return next(url, context);
}`;

const LIST = `
import { createRequire, register } from 'node:module';
register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(HOOK)}));
const { createProducer } = await import('${LIBRARY}');
const [redis] = process.argv.slice(1);
if (redis) createProducer({ redis, logger: { debug() {}, info() {}, warn() {}, error() {} } });
console.log(Object.keys(createRequire('${LIBRARY}').cache).map((file) => 'file://' + file).join('\\n'));
process.exit();`;

/** What a process loads that imports the library, and makes a producer if there is a URL for it. */
function loaded(...redis: string[]): { files: string[]; packages: Set<string | undefined> } {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', LIST, '--', ...redis], {
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  const urls = `${stdout}\n${stderr}`.split('\n').filter((url) => url.startsWith('file://'));
  const files = [...new Set(urls)].map((url) => fileURLToPath(url));
  return { files, packages: new Set(files.map((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1])) };
}

test('to import the library loads neither BullMQ nor what only metrics need, and its own code as one file', () => {
  const { files, packages } = loaded();
  expect(packages).toContain('ioredis');
  for (const name of ['bullmq', 'pino', 'prom-client', '@opentelemetry/api', 'express', 'undici']) {
    expect(packages).not.toContain(name);
  }
  const own = files.filter((file) => !file.includes('/node_modules/'));
  expect(own.map((file) => relative(BUILT, file)).sort()).toEqual(['src/bundle/library.js', 'src/index.js']);
  // 180 when this was written. Each takes half a millisecond or more.
  expect(files.length).toBeLessThan(200);
});

test('a producer has BullMQ loaded when it is made: no submit waits for it', () => {
  expect(loaded('redis://127.0.0.1:1').packages).toContain('bullmq');
});

test('what the other entries import is what the library exports, not a copy of it', async () => {
  const load = (file: string) =>
    import(pathToFileURL(join(BUILT, file)).href) as Promise<Record<'TallyError', unknown>>;
  const [library, errors] = [await load('src/index.js'), await load('src/errors.js')];
  expect(library.TallyError).toBeTypeOf('function');
  expect(errors.TallyError).toBe(library.TallyError);
});
