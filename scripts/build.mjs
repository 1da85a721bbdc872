// Compiles into dist/, which mirrors the repository: a relative path to lua/ holds in both.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, rmSync } from 'node:fs';

rmSync('dist', { recursive: true, force: true });
const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
  stdio: 'inherit',
});
if (status !== 0) {
  process.exit(status ?? 1);
}
cpSync('lua', 'dist/lua', { recursive: true });
chmodSync('dist/cli/main.js', 0o755); // it is the `tally` command
