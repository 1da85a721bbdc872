import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { TALLY } from './tally-command.js';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `tally` to its end, with this on its stdin. */
export async function tallyWithInput(
  environment: Record<string, string>,
  input: string,
  ...args: string[]
): Promise<Ended> {
  const [program, ...first] = TALLY;
  const child = spawn(program, [...first, ...args], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => undefined); // it may end before it has read all
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, stdout, stderr };
}

/** The command of util-linux that runs another one on a terminal of its own. */
const TERMINAL = 'script';

/** Whether this machine has it. */
export function hasTerminals(): boolean {
  return spawnSync(TERMINAL, ['--version']).status === 0;
}

/** What `tally` asks for on a terminal. */
const PROMPTS = /Password for \w+: |The same again: /g;

/** Runs `tally` on a terminal of its own and types a line at each prompt. @returns all that the terminal showed */
export async function tallyOnTerminal(
  environment: Record<string, string>,
  lines: readonly string[],
  ...args: string[]
): Promise<{ code: number | null; shown: string }> {
  const command = [...TALLY, ...args].map((word) => `'${word}'`).join(' ');
  const child = spawn(TERMINAL, ['--quiet', '--return', '--command', command, '/dev/null'], {
    env: { PATH: process.env['PATH'], TERM: 'dumb', ...environment },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    child.kill();
  });
  let shown = '';
  let typed = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
    const prompts = shown.match(PROMPTS)?.length ?? 0;
    while (typed < Math.min(prompts, lines.length)) {
      child.stdin.write(`${lines[typed] ?? ''}\r`);
      typed += 1;
    }
  });
  await once(child, 'close');
  return { code: child.exitCode, shown };
}
