import { spawn } from 'node:child_process';
import { cpSync, createWriteStream, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { wholeNumber } from './whole-number.js';

/**
 * Takes one protection at a time out of a copy of Tally and runs the fault suite on it, which must then find a
 * violation: a suite that stays green without the protection does not test it.
 */

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const LEFT_OUT = new Set(['node_modules', '.git', 'dist', '.tally']);

interface Mutation {
  readonly name: string;
  readonly edits: readonly { readonly file: string; readonly from: string; readonly to: string }[];
}

const RECEIPT_WRITE = "call('SET', KEYS[1], all_outcomes, 'EX', request.receiptSeconds)\n";

const MUTATIONS: readonly Mutation[] = [
  {
    name: 'the receipt of a job is not checked',
    edits: [{ file: 'lua/frame.lua', from: 'if recorded_outcomes then', to: 'if false then' }],
  },
  {
    name: 'the receipt is written by a command of its own',
    edits: [
      { file: 'lua/frame.lua', from: RECEIPT_WRITE, to: '' },
      {
        file: 'src/workers/apply.ts',
        from: 'return (await deps.scripts.run(deps.script, call.keys, call.args)) as JobResult;',
        to: `const outcomes = (await deps.scripts.run(deps.script, call.keys, call.args)) as JobResult;
    await deps.redis.set(keys.jobReceipt(jobIdOf(job)), outcomes, 'EX', 3600);
    return outcomes;`,
      },
    ],
  },
  {
    name: 'the receipt is written last, with an error in between',
    edits: [
      { file: 'lua/frame.lua', from: RECEIPT_WRITE, to: '' },
      {
        file: 'lua/frame.lua',
        from: 'end\n\nreturn all_outcomes\n',
        to: `end

if now[2] % 20 == 0 then
  error({ err = 'OOM in between' })
end
${RECEIPT_WRITE}
return all_outcomes
`,
      },
    ],
  },
  {
    name: 'the lease is ignored, and receipts are cut at once',
    edits: [
      { file: 'lua/frame.lua', from: 'if not within_lease then', to: 'if false then' },
      { file: 'lua/settle.lua', from: "redis.call('EXPIRE', receipt_key, life)", to: "redis.call('DEL', receipt_key)" },
    ],
  },
  {
    name: 'rejections are not recorded under their idempotency key',
    edits: [
      {
        file: 'lua/frame.lua',
        from: "if string.byte(outcome) ~= 63 then -- '?'",
        to: "if string.byte(outcome) ~= 63 and string.byte(outcome) ~= 33 then -- '?', '!'",
      },
    ],
  },
  {
    name: 'the fingerprint of an idempotency key is ignored',
    edits: [
      { file: 'lua/frame.lua', from: 'first_fingerprint == fingerprint and', to: 'first_fingerprint and' },
      {
        file: 'src/producers/idempotency.ts',
        from: 'const same = firstFingerprint === fingerprint(operation, params);',
        to: 'const same = firstFingerprint !== fingerprint(operation, undefined);',
      },
    ],
  },
  {
    name: "jobs get BullMQ's own ids",
    edits: [
      {
        file: 'src/producers/sender.ts',
        from: 'await this.#add(this.#queue(operation.queue), bulk);',
        to: `const withoutIds = bulk.map(({ opts: { jobId: _, ...opts }, ...job }) => ({ ...job, opts }));
    const added = await this.#queue(operation.queue).addBulk(withoutIds);
    const ids = new Map(jobs.map(({ jobId }, place) => [jobId, added[place]?.id ?? '']));
    for (const submission of submissions as { jobId: string }[]) {
      submission.jobId = ids.get(submission.jobId) ?? submission.jobId;
    }`,
      },
      { file: 'src/jobs/job-id.ts', from: '([0-9a-f-]{36})', to: '([0-9a-f-]+)' },
      { file: 'src/jobs/job-id.ts', from: 'jobId.length > UUID_LENGTH && ', to: '' },
    ],
  },
];

interface Flags {
  readonly seed: number;
  readonly seconds: number;
  readonly tries: number;
  readonly only?: number;
}

const program = new Command('faults:mutations')
  .description('Expects the fault suite to go red for each protection that is taken out of a copy of Tally.')
  .option('--seed <n>', 'of the first try', wholeNumber, 1)
  .option('--seconds <n>', 'of each run', wholeNumber, 45)
  .option('--tries <n>', 'runs that may stay green before a mutation counts as not found', wholeNumber, 3)
  .option('--only <n>', 'only the mutation with this number', wholeNumber);

process.exitCode = await main(program.parse().opts<Flags>());

async function main({ seed, seconds, tries, only }: Flags): Promise<number> {
  let missed = 0;
  for (const [place, mutation] of MUTATIONS.entries()) {
    const number = place + 1;
    if (only !== undefined && only !== number) {
      continue;
    }
    process.stdout.write(`${number}  ${mutation.name}: `);
    const copy = mutatedCopy(mutation);
    const found = await firstViolation(copy, { seed, seconds, tries });
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
  for (const { file, from, to } of edits) {
    const text = readFileSync(join(copy, file), 'utf8');
    if (text.split(from).length !== 2) {
      throw new Error(`"${from}" must stand in ${file} exactly once; bring the mutation up to date`);
    }
    writeFileSync(
      join(copy, file),
      text.replace(from, () => to),
    );
  }
  return copy;
}

/** The seed and the first words of what the suite found, if it found anything. */
async function firstViolation(copy: string, { seed, seconds, tries }: Flags): Promise<string | undefined> {
  for (let trySeed = seed; trySeed < seed + tries; trySeed += 1) {
    const report = join(copy, 'report.json');
    const args = ['--seed', String(trySeed), '--seconds', String(seconds), '--json', report];
    const code = await run(copy, ['--import', 'tsx', 'test/faults/main.ts', ...args]);
    if (code !== 0) {
      const [first] = (JSON.parse(readFileSync(report, 'utf8')) as Report).violations;
      return `seed ${trySeed}, invariant ${first?.invariant ?? 0}: ${first?.message ?? ''}`;
    }
  }
  return undefined;
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
