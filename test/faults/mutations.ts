import { spawn } from 'node:child_process';
import {
  cpSync,
  createWriteStream,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { mutate, MUTATIONS } from './mutation-list.js';
import type { Mutation } from './mutation-list.js';
import { wholeNumber } from './whole-number.js';

/**
 * Takes one protection at a time out of a copy of Tally and runs the fault suite on it, which must then find a
 * violation: a suite that stays green without the protection does not test it. What shows only when hours pass or two
 * versions meet is taken out of the model instead, whose tests must then fail.
 */

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const LEFT_OUT = new Set(['node_modules', '.git', 'dist', '.tally']);

/** Tests of the model that explore the rules as they are. */
const MODEL_TESTS = ['test/model/jobs.test.ts', 'test/model/keys.test.ts'];

interface Tries {
  readonly seed: number;
  readonly seconds: number;
  readonly tries: number;
  readonly topology: string;
}

interface Flags extends Tries {
  readonly from: number;
  readonly only?: number;
}

const program = new Command('faults:mutations')
  .description(
    'Expects the fault suite, or the model, to go red for each protection that is taken out of a copy of Tally.',
  )
  .option('--seed <n>', 'of the first try', wholeNumber, 1)
  .option('--seconds <n>', 'of each run', wholeNumber, 35)
  .option('--tries <n>', 'runs that may stay green before a mutation counts as not found', wholeNumber, 12)
  .addOption(new Option('--topology <name>', 'what the suite runs on').choices(['server', 'cluster']).default('server'))
  .option('--from <n>', 'the first of them, to go on with a run that broke off', wholeNumber, 1)
  .option('--only <n>', 'only the mutation with this number', wholeNumber);

process.exitCode = await main(program.parse().opts<Flags>());

async function main({ from, only, ...tries }: Flags): Promise<number> {
  let missed = 0;
  for (const [place, mutation] of MUTATIONS.entries()) {
    const number = place + 1;
    if (number < from || (only !== undefined && only !== number)) {
      continue;
    }
    process.stdout.write(`${number}  ${mutation.name}: `);
    const copy = mutatedCopy(mutation);
    const found = mutation.red === 'model' ? await modelFailure(copy) : await firstViolation(copy, tries);
    process.stdout.write(found === undefined ? 'NOT FOUND\n' : `red, ${found}\n`);
    rmSync(copy, { recursive: true });
    missed += found === undefined ? 1 : 0;
  }
  process.stdout.write(missed === 0 ? 'every mutation was found\n' : `${missed} mutations were not found\n`);
  return missed === 0 ? 0 : 1;
}

function mutatedCopy({ edits }: Mutation): string {
  const copy = mkdtempSync(join(tmpdir(), 'tally-mutation-'));
  cpSync(ROOT, copy, { recursive: true, filter: (path) => !LEFT_OUT.has(basename(path)) });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  for (const edit of edits) {
    const file = join(copy, edit.file);
    writeFileSync(file, mutate(readFileSync(file, 'utf8'), edit));
  }
  return copy;
}

/** The seed and the first words of what the suite found, if it found anything. */
async function firstViolation(copy: string, { seed, seconds, tries, topology }: Tries): Promise<string | undefined> {
  for (let trySeed = seed; trySeed < seed + tries; trySeed += 1) {
    const report = join(copy, `report-${trySeed}.json`);
    const args = ['--seed', String(trySeed), '--seconds', String(seconds), '--topology', topology, '--json', report];
    const code = await run(copy, ['--import', 'tsx', 'test/faults/main.ts', ...args]);
    if (code !== 0 && !existsSync(report)) {
      throw new Error(`the run of seed ${trySeed} broke off, which proves nothing: see ${join(copy, 'run.log')}`);
    }
    if (code !== 0) {
      const [first] = (JSON.parse(readFileSync(report, 'utf8')) as Report).violations;
      return `seed ${trySeed}, invariant ${first?.invariant ?? 0}: ${first?.message ?? ''}`;
    }
  }
  return undefined;
}

/** The words of the first test of the model that fails, if one does. */
async function modelFailure(copy: string): Promise<string | undefined> {
  const report = join(copy, 'report.json');
  const args = ['run', ...MODEL_TESTS, '--reporter', 'json', '--outputFile', report];
  if ((await run(copy, ['node_modules/vitest/vitest.mjs', ...args])) === 0) {
    return undefined;
  }
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as ModelReport;
  const failed = testResults.flatMap(({ assertionResults }) => assertionResults).find((it) => it.status === 'failed');
  return `test "${failed?.fullName ?? ''}"`;
}

interface ModelReport {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

interface Report {
  readonly violations: readonly { readonly invariant: number; readonly message: string }[];
}

function run(copy: string, args: readonly string[]): Promise<number | null> {
  const child = spawn(process.execPath, args, { cwd: copy, stdio: ['ignore', 'pipe', 'pipe'] });
  const log = createWriteStream(join(copy, 'run.log'));
  child.stdout.pipe(log);
  child.stderr.pipe(log);
  return new Promise((resolve) => {
    child.on('exit', resolve);
  });
}
