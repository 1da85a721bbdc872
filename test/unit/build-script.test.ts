import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { until } from '../support/tally.js';

const SCRIPT = fileURLToPath(new URL('../../scripts/build.mjs', import.meta.url));

/** A folder to build in, with this in place of the compiler. */
function folderWith(compiler: string): string {
  const cwd = mkdtempSync(join(tmpdir(), 'tally-build-'));
  onTestFinished(() => {
    rmSync(cwd, { recursive: true });
  });
  const path = join(cwd, 'node_modules/typescript/bin/tsc');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, compiler);
  return cwd;
}

const leftIn = (cwd: string) => readdirSync(cwd).filter((name) => name.startsWith('dist'));

test('a build that fails when the compiler is done leaves nothing behind', () => {
  const cwd = folderWith('// of which nothing comes');
  const { status, stderr } = spawnSync(process.execPath, [SCRIPT], { cwd, encoding: 'utf8' });
  expect(stderr).toContain('src/index.js');
  expect(status).not.toBe(0);
  expect(leftIn(cwd)).toEqual([]);
});

test('a build that is told to end leaves nothing behind', async () => {
  const cwd = folderWith('setTimeout(() => undefined, 500)');
  const build = spawn(process.execPath, [SCRIPT], { cwd, stdio: 'ignore' });
  const ended = once(build, 'exit');
  await until('it compiles', () => leftIn(cwd).length > 0);
  build.kill('SIGTERM');
  await ended;
  expect(leftIn(cwd)).toEqual([]);
});
