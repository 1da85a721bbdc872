import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { wholeNumber } from '../faults/whole-number.js';
import { isInstalled } from '../support/topology/installed.js';
import { takePictures } from './pictures.js';
import { resultText } from './report.js';
import { judgeEnd, runHealthy, runScenario } from './run.js';
import type { Row } from './run.js';
import { poisonedKeys } from './scenarios/poisoned-keys.js';
import { SCENARIOS } from './scenarios/index.js';
import { SetUp } from './set-up.js';

const FOLDER = join(tmpdir(), 'tally-drill');

/** What it starts, beside Tally; those of Debian's packages redis-server, redis-tools and prometheus. */
const PROGRAMS = ['redis-server', 'redis-cli', 'prometheus', 'promtool'];

interface Flags {
  readonly healthy: number;
  readonly speed: number;
  readonly only?: string;
  readonly pictures?: string;
}

const program = new Command('drill')
  .description('Breaks a running Tally in ten ways, with a real Prometheus, and mends each by the runbook.')
  .option('--healthy <seconds>', 'so long nothing is broken first, and no alert may fire', wholeNumber, 300)
  .option('--speed <n>', 'the for-times and windows of the shipped rules are divided by this', wholeNumber, 30)
  .option('--only <words>', 'only scenarios whose name contains one of these, with commas between')
  .option('--pictures <folder>', 'take the pictures of the README, of overview and failures')
  .showHelpAfterError();

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => process.exit(130)); // what it started ends with it
}
process.exitCode = await main(program.parse().opts<Flags>());

async function main({ healthy, speed, only, pictures }: Flags): Promise<number> {
  const missing = PROGRAMS.filter((each) => !isInstalled(each));
  if (missing.length > 0) {
    program.error(
      `not on the PATH: ${missing.join(', ')}. Debian has them in redis-server, redis-tools and prometheus; installed, ` +
        'prometheus also runs as a service, which the drill does not need: systemctl disable --now prometheus',
    );
  }
  const words = only?.split(',');
  const chosen = SCENARIOS.filter(({ name }) => words?.some((word) => name.includes(word)) ?? true);
  mkdirSync(FOLDER, { recursive: true });
  const folder = mkdtempSync(join(FOLDER, 'run-'));
  const rows: Row[] = [];
  const startedAtMs = performance.now();
  let setUp: SetUp | undefined;
  try {
    setUp = await SetUp.start({ folder, by: speed });
    setUp.callers.start(setUp.secret);
    await runHealthy(setUp, healthy, say);
    const brokenAtMs = performance.now();
    for (const scenario of chosen) {
      const isPictured = pictures !== undefined && scenario === poisonedKeys;
      const { dashboard } = setUp;
      const whileBroken = isPictured ? () => takePictures(dashboard, pictures) : undefined;
      rows.push(await runScenario(setUp, scenario, say, whileBroken));
    }
    const totals = await judgeEnd(setUp);
    const seconds = Math.round((performance.now() - brokenAtMs) / 1000);
    process.stdout.write(`\n${resultText(rows, { healthy, speed, seconds, totals })}\n`);
    await setUp.stop();
    rmSync(folder, { recursive: true });
    return 0;
  } catch (error) {
    say(`FAILED: ${error instanceof Error ? error.message : String(error)}`);
    say(`logs and configuration are in ${folder}`);
    await setUp?.stop().catch(() => undefined);
    return 1;
  }

  function say(line: string): void {
    process.stdout.write(`${Math.round((performance.now() - startedAtMs) / 1000)} s  ${line}\n`);
  }
}
