import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { onTestFinished } from 'vitest';
import { mutate } from '../faults/mutation-list.js';
import type { Edit } from '../faults/mutation-list.js';
import { TALLY } from '../support/tally-command.js';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const NEEDED = ['cli', 'src', 'lua', 'loadtest', 'dashboard', 'package.json', 'tsconfig.json'];

/** What makes Tally forget that it applied an update with an idempotency key. */
export const NO_IDEMPOTENCY: readonly Edit[] = [
  {
    file: 'lua/apply.lua',
    from: 'return receipt and outcome_recorded(receipt, fingerprints[row_of[update]]) or place.fault_of_stamp',
    to: 'return place.fault_of_stamp',
  },
  // The producer's short cut would answer what is delivered again after it was applied.
  {
    file: 'src/producers/idempotency.ts',
    from: 'return found === undefined ? [] : [[index, found]];',
    to: 'return found === undefined || index >= 0 ? [] : [[index, found]];',
  },
];

/** What lets a job that runs again be applied again. */
export const NO_JOB_RECEIPTS: Edit = {
  file: 'lua/apply.lua',
  from: 'if record then\n      place.record = record',
  to: 'if false then\n      place.record = record',
};

/** Takes out nothing: who is killed has applied jobs that BullMQ does not know to be completed. */
export const SLOW_TO_COMPLETE: Edit = {
  file: 'src/workers/apply.ts',
  from: 'const record = (await scripts.run(script, call.keys, call.args)) as JobResult;',
  to: `const record = (await scripts.run(script, call.keys, call.args)) as JobResult;
    await new Promise((resolve) => setTimeout(resolve, 100));`,
};

/** A copy of Tally that lacks a protection, removed after the test. */
export function mutatedCopy(...edits: readonly Edit[]): string {
  const copy = mkdtempSync(join(tmpdir(), 'tally-broken-'));
  onTestFinished(() => {
    rmSync(copy, { recursive: true });
  });
  for (const name of NEEDED) {
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  for (const edit of edits) {
    const file = join(copy, edit.file);
    writeFileSync(file, mutate(readFileSync(file, 'utf8'), edit));
  }
  return copy;
}

/** What starts `tally` of a tree: of this one as it is built, of a copy as it is compiled now, its types unchecked. */
export async function tallyOf(root: string): Promise<readonly [string, ...string[]]> {
  if (root === ROOT) {
    return TALLY;
  }
  const entryPoints = NEEDED.filter((name) => !name.includes('.')).map((name) => `${name}/**/*.ts`);
  await build({ absWorkingDir: root, entryPoints, outdir: 'dist', outbase: '.', format: 'esm', target: 'node20' });
  cpSync(join(root, 'lua'), join(root, 'dist/lua'), { recursive: true });
  return [process.execPath, join(root, 'dist/cli/main.js')];
}
