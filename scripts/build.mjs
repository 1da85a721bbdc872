// Compiles into dist/, which mirrors the repository: a relative path to lua/ holds in both. Types are not checked, which takes as long
// again and is of no use to who installs: `npm run types` does, with those of the tests.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bundleCommand, bundleLibrary } from './bundle.mjs';

// Aside, and then put in its place at once: whoever runs what was built before never finds half of it.
// And gone however this ends: by a signal, when the compiler has ended.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => process.exit(1));
}
const aside = mkdtempSync('dist-');
process.on('exit', () => rmSync(aside, { recursive: true, force: true }));

const built = join(aside, 'dist');
const compiler = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--noCheck', '--outDir', built];
const { status } = spawnSync(process.execPath, compiler, { stdio: 'inherit' });
if (status === 0) {
  await bundleLibrary(resolve(built));
  await bundleCommand(resolve(built));
  cpSync('lua', join(built, 'lua'), { recursive: true });
  for (const file of readdirSync('docs').filter((name) => name.endsWith('.md'))) {
    cpSync(join('docs', file), join(built, 'docs', file)); // the dashboard shows the runbook, and where it leads to
  }
  cpSync('src/testing/clock-shim.c', join(built, 'src/testing/clock-shim.c'));
  chmodSync(join(built, 'cli/main.js'), 0o755); // it is the `tally` command
  if (existsSync('dist')) {
    renameSync('dist', join(aside, 'before')); // at once: to remove it takes so long that another build may end meanwhile
  }
  renameSync(built, 'dist');
}
process.exitCode = status ?? 1;
