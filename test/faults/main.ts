import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { progress } from '../../loadtest/progress.js';
import { PLAIN_BULLMQ } from './plain/side.js';
import { MAX_SEED } from './random.js';
import { faultCount, resultText, scheduleText } from './report.js';
import { runEpochs } from './run.js';
import { drawSchedule } from './schedule.js';
import type { RunTopology } from './schedule.js';
import { TALLY } from './side.js';
import { wholeNumber } from './whole-number.js';

const SIDES = { [TALLY.name]: TALLY, [PLAIN_BULLMQ.name]: PLAIN_BULLMQ };
const FOLDER = join(tmpdir(), 'tally-faults');

interface Flags {
  readonly seed: number;
  readonly seconds: number;
  readonly topology: RunTopology;
  readonly side: string;
  readonly json?: string;
}

const program = new Command('faults')
  .description('Breaks everything around Tally, as drawn by a seed, and proves that every update takes effect once.')
  .option('--seed <n>', 'draws the same faults again', wholeNumber, Math.ceil(Math.random() * MAX_SEED))
  .option('--seconds <n>', 'about how long', wholeNumber, 70)
  .addOption(
    new Option('--side <name>', 'what to break').choices(Object.keys(SIDES)).default(TALLY.name, 'Tally itself'),
  )
  .addOption(
    new Option('--topology <name>', 'one server, or a Cluster of three masters, in every second epoch with replicas')
      .choices(['server', 'cluster'])
      .default('server'),
  )
  .option('--json <file>', 'write the figures as JSON');

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => process.exit(130)); // what it started ends with it
}
process.exitCode = await main(program.parse().opts<Flags>());

async function main({ seed, seconds, topology, side: sideName, json }: Flags): Promise<number> {
  const side = SIDES[sideName] ?? TALLY;
  if (topology === 'cluster' && side !== TALLY) {
    program.error(`${side.name} does not run on a Cluster here`);
  }
  const plans = drawSchedule(seed, seconds, topology);
  const replay = `npm run faults -- --seed ${seed} --seconds ${seconds} --topology ${topology} --side ${side.name}`;
  print(`seed ${seed}\n\n${scheduleText(plans)}\n`);
  mkdirSync(FOLDER, { recursive: true });
  const folder = mkdtempSync(join(FOLDER, `seed-${seed}-`));
  const shown = progress();
  const result = await runEpochs({
    plans,
    folder,
    side,
    say: shown.report,
    epochPassed: (epochFolder) => {
      rmSync(epochFolder, { recursive: true });
    },
  }).catch((error: unknown) => {
    shown.done();
    print(`the run of seed ${seed} broke off; its files are in ${folder}; the same again: ${replay}`);
    throw error;
  });
  shown.done();
  print(`${resultText(result, side)}\n`);
  const { struck, violations, ...figures } = result;
  if (json !== undefined) {
    const report = { seed, faults: faultCount(result), struck: Object.fromEntries(struck), violations, ...figures };
    writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
  }
  if (violations.length === 0 || !side.isJudged) {
    rmSync(folder, { recursive: true });
    print(side.isJudged ? `seed ${seed}: all invariants hold` : '');
    return 0;
  }
  writeFileSync(join(folder, 'violations.txt'), violations.map((it) => `${it.invariant}: ${it.message}\n`).join(''));
  print(`seed ${seed}: FAILED; journals, append-only file and logs are in ${folder}\nthe same again: ${replay}`);
  return 1;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
