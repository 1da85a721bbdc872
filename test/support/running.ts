import { spawn, spawnSync } from 'node:child_process';
import type { SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { TALLY } from './tally-command.js';

const ROOT = new URL('../../', import.meta.url);
/** `tally` for a shell. */
const COMMAND = TALLY.map((word) => `'${word}'`).join(' ');

/** What starts a command of Tally. */
export const ways = {
  /** By itself, without a shell. */
  alone: (command: string) => ({ program: 'sh', args: ['-c', `exec ${COMMAND} ${command}`] }),
  /** A shell that waits for it, as a script does. */
  shell: (command: string) => ({ program: 'sh', args: ['-c', `${COMMAND} ${command}; true`] }),
  /** As `npm start` does, by the script of package.json. */
  npm: (command: string) => ({ program: 'npm', args: ['run', 'tally'], script: startScript(command) }),
  /** By npm with a shell between, as older shells and scripts of several commands have it. */
  npmAndShell: (command: string) => ({ program: 'npm', args: ['run', 'tally'], script: `${COMMAND} ${command}; true` }),
  /** In a terminal of its own. */
  terminal: (command: string) => ({ program: 'script', args: ['-qfc', `exec ${COMMAND} ${command}`, '/dev/null'] }),
} as const;

/** util-linux's `script`, which gives a command a terminal; the one of macOS takes other arguments. */
export const hasTerminals = String(spawnSync('script', ['--version']).stdout).includes('util-linux');

export interface Running {
  /** Of what was started: npm, a shell, a terminal, or Tally. */
  readonly pid: number;
  /** Of Tally. */
  readonly tallyPid: number;
  /** Of the processes that Tally has started so far, with theirs. */
  readonly children: () => number[];
  readonly output: () => string;
  readonly ended: Promise<unknown>;
}

/** Starts a command and waits until it says so. Whatever is left of it at the end of the test is killed. */
export async function run(
  { program, args, script }: { program: string; args: string[]; script?: string },
  { until, environment }: { until: RegExp; environment: Record<string, string> },
): Promise<Running> {
  const folder = temporaryFolder();
  const pidFile = join(folder, 'pid');
  if (script !== undefined) {
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ scripts: { tally: script } }));
  }
  const options = { cwd: folder, detached: true, stdio: ['pipe', 'pipe', 'pipe'] } satisfies SpawnOptions;
  const note = join(folder, 'note.cjs');
  writeFileSync(
    note,
    `process.argv[1]?.endsWith('main.js') && require('fs').writeFileSync('${pidFile}', String(process.pid));`,
  );
  const env = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    NODE_OPTIONS: `--require ${note}`,
    ...environment,
  };
  const child = spawn(program, args, { ...options, env });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, 'exit');
  const pid = child.pid ?? 0;
  onTestFinished(() => {
    [pid, ...descendantsOf(pid), ...notedPids(pidFile)]
      .filter(isRunning)
      .forEach((left) => process.kill(left, 'SIGKILL'));
  });
  await waitFor(
    `it prints ${String(until)}`,
    () => until.test(output),
    60_000,
    () => output,
  );
  const tallyPid = Number(readFileSync(pidFile, 'utf8'));
  return { pid, tallyPid, children: () => descendantsOf(tallyPid), output: () => output, ended };
}

/** That none of these processes runs, and nothing listens on these ports of loopback, within 5 s. */
export async function expectNothingLeft(pids: readonly number[], ports: readonly number[], running: Running) {
  const left = async () => [...pids.filter(isRunning), ...(await Promise.all(ports.map(listens))).filter(Boolean)];
  const endsAtMs = performance.now() + 5_000;
  while (performance.now() < endsAtMs && (await left()).length > 0) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(await left(), running.output()).toEqual([]);
}

export async function waitFor(what: string, isSo: () => boolean, timeoutMs = 15_000, facts = () => ''): Promise<void> {
  const endsAtMs = performance.now() + timeoutMs;
  while (!isSo()) {
    if (performance.now() > endsAtMs) {
      throw new Error(`not within ${timeoutMs} ms: ${what}\n${facts()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tally-running-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });
  return folder;
}

/** Whether it runs: one that has ended is no more than an entry until its parent, or that of all, asks for it. */
export function isRunning(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.startsWith('Z');
}

function startScript(command: string): string {
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as { scripts: { start: string } };
  const script = scripts.start.replace(/node dist\/cli\/main\.js up$/, `${COMMAND} ${command}`);
  expect(script, 'the script "start" of package.json').not.toBe(scripts.start);
  return script;
}

/** None when what was started has not come so far. */
function notedPids(pidFile: string): number[] {
  return existsSync(pidFile) ? [Number(readFileSync(pidFile, 'utf8'))] : [];
}

function descendantsOf(pid: number): number[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  const pairs = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  const below = (parent: number): number[] =>
    pairs.flatMap(([child = 0, of]) => (of === parent ? [child, ...below(child)] : []));
  return below(pid);
}

/** The port, when something listens there. */
async function listens(port: number): Promise<number | undefined> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return port;
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}
