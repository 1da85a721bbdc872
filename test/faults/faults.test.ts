import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));
const SECONDS = 35; // under load fewer of the drawn faults find their time to strike
const AT_LEAST_FAULTS = 50;
const SHOWN_LINES = 80;

test(
  `every update takes effect once while ${AT_LEAST_FAULTS} faults and more strike`,
  { timeout: 500_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tally-faults-test-'));
    onTestFinished(() => {
      rmSync(folder, { recursive: true });
    });
    const file = join(folder, 'figures.json');
    const run = spawn(process.execPath, ['--import', 'tsx', MAIN, '--seconds', String(SECONDS), '--json', file]);
    onTestFinished(() => {
      run.kill(); // in case the test ran out of time
    });
    let output = '';
    for (const stream of [run.stdout, run.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    }
    const [code] = (await once(run, 'exit')) as [number];
    // The counts, what is broken, the seed, and how to replay it.
    const end = output.split('\n').slice(-SHOWN_LINES).join('\n');
    expect(code, end).toBe(0);
    const { seed, faults } = JSON.parse(readFileSync(file, 'utf8')) as { seed: number; faults: number };
    expect(faults, `faults of seed ${seed}`).toBeGreaterThanOrEqual(AT_LEAST_FAULTS);
  },
);
