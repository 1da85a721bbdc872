import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { endWithSupervisor } from '../faults/end-with-supervisor.js';

const START_TIMEOUT_MS = 60_000;

export interface ProgramOptions {
  /** In the words of the drill. */
  readonly name: string;
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** What it prints when it is there. */
  readonly ready: RegExp;
  /** Gets what it prints. */
  readonly log: string;
}

/** A program that runs, in a process of its own, and ends with this one. */
export class Program {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #hasEnded = false;
  #isEnding = false;

  private constructor(private readonly options: ProgramOptions) {
    const [program = '', ...args] = options.command;
    this.#child = spawn(program, args, {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true, // Ctrl-C ends the drill, and that ends them
    });
    this.#ended = once(this.#child, 'exit').finally(() => {
      this.#hasEnded = true;
    });
    if (this.#child.pid !== undefined) {
      void this.#ended.then(endWithSupervisor(this.#child.pid));
    }
  }

  /** @throws with what it printed, when it ends or is not ready in time */
  static async start(options: ProgramOptions): Promise<Program> {
    const program = new Program(options);
    const log = createWriteStream(options.log, { flags: 'a' });
    let printed = '';
    const ready = new Promise<void>((resolve) => {
      for (const stream of [program.#child.stdout, program.#child.stderr]) {
        stream?.on('data', (chunk: Buffer) => {
          log.write(chunk);
          printed = (printed + chunk.toString()).slice(-10_000);
          if (options.ready.test(printed)) {
            resolve();
          }
        });
      }
    });
    const late = setTimeout(() => program.#child.kill('SIGKILL'), START_TIMEOUT_MS);
    await Promise.race([
      ready,
      program.#ended.then(() => {
        throw new Error(`${options.name} did not start: ${printed}`);
      }),
    ]);
    clearTimeout(late);
    return program;
  }

  /** Whether it ended although nobody ended it. */
  get hasDied(): boolean {
    return this.#hasEnded && !this.#isEnding;
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    this.#isEnding = true;
    if (!this.#hasEnded) {
      this.#child.kill(signal);
      await this.#ended;
    }
  }
}

/** Runs a program to its end. @returns what it printed to stdout @throws with all that it printed, unless it went well */
export async function runProgram(
  command: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  input = '',
): Promise<string> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { env: { PATH: process.env['PATH'], ...environment } });
  const printed = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (printed.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (printed.stderr += chunk.toString()));
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) {
    throw new Error(`${command.slice(0, 5).join(' ')} ended with ${code}: ${printed.stderr}${printed.stdout}`);
  }
  return printed.stdout;
}
