import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { withinTime } from '../../src/lib/timeouts.js';
import { builtProgram } from '../support/built-program.js';
import { endWithSupervisor } from './end-with-supervisor.js';
import type { ProducerOrder, Report, WorkerOrder } from './messages.js';
import { startFaultProxy } from './proxy.js';
import type { FaultProxy } from './proxy.js';
import type { Address } from './side.js';
import { TRY_AGAIN } from './try-again.js';

export interface MemberOptions<Settings> {
  readonly name: string;
  readonly program: URL;
  /** The file that takes what its processes print. */
  readonly log: string;
  /** That of the one Redis, or those of all nodes of a Cluster. */
  readonly redisUrl: string | readonly string[];
  /** The SHA-1s of the scripts at which strikes of 'apply' aim. @defaultValue that of Tally */
  readonly applyShas?: readonly string[];
  /** The settings of the next process, which is the nth. */
  readonly settings: (redis: Address, incarnation: number) => Settings;
}

interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<number | NodeJS.Signals>;
  isReady: boolean;
}

const START_TIMEOUT_MS = 120_000;

/** How long a worker may take to end: `closeTimeoutMs`, and 15 s more, as deploy/README.md has it. */
const EXIT_TIMEOUT_MS = 25_000;

/** So that a program that can't start takes not all of the machine. */
const RESTART_PAUSE_MS = 500;

/** A worker or producer process behind a proxy of its own. It is started again whenever it ends. */
export class Member<Settings = unknown, Order = WorkerOrder | ProducerOrder> {
  /** How its processes ended other than by a signal, which only faults send. */
  readonly selfEnded: string[] = [];
  #incarnation = 0;
  #running: Running | undefined;
  #starting: Promise<void> | undefined;
  #keepRunning = true;

  private constructor(
    private readonly options: MemberOptions<Settings>,
    private readonly program: string,
    readonly proxy: FaultProxy,
  ) {}

  static async start<Settings, Order>(options: MemberOptions<Settings>): Promise<Member<Settings, Order>> {
    const member = new Member<Settings, Order>(
      options,
      await builtProgram(options.program),
      await startFaultProxy(options.redisUrl, options),
    );
    member.#spawn();
    return member;
  }

  get name(): string {
    return this.options.name;
  }

  get isReady(): boolean {
    return this.#running?.isReady === true;
  }

  /** Whether a process of it exists. */
  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Resolves when its process is at work. */
  async ready(): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!this.isReady) {
      if (Date.now() > deadline) {
        throw new Error(`${this.name} was not ready within ${START_TIMEOUT_MS} ms; see ${this.options.log}`);
      }
      await Promise.race([this.#starting, new Promise((resolve) => setTimeout(resolve, 50))]);
    }
  }

  order(order: Order): void {
    this.#running?.process.send(order as object, () => undefined); // it may be dead already
  }

  /** Sends an order and waits for a report. False when none came in time, or the process ended. */
  async ask(order: Order, awaited: Report['report'], timeoutMs: number): Promise<Report | undefined> {
    const running = this.#running;
    if (running?.isReady !== true) {
      return undefined;
    }
    const report = this.#next(running, awaited, timeoutMs);
    this.order(order);
    return report;
  }

  /** Whether its process is killed within the time, by itself. */
  async dies(timeoutMs: number): Promise<boolean> {
    const ended = this.#running?.ended;
    return ended !== undefined && (await withinTime(ended, timeoutMs));
  }

  signal(signal: NodeJS.Signals): void {
    this.#running?.process.kill(signal);
  }

  /** Ends its process at once, for good. */
  async kill(): Promise<void> {
    this.#keepRunning = false;
    const running = this.#running;
    running?.process.kill('SIGKILL');
    await running?.ended;
  }

  /** Lets it run again after {@link kill}. */
  revive(): void {
    this.#keepRunning = true;
    this.#restart();
  }

  /** Ends its process politely, and its proxy. Says what went wrong, if anything. */
  async stop(): Promise<string[]> {
    this.#keepRunning = false;
    const running = this.#running;
    const complaints: string[] = [];
    if (running !== undefined) {
      running.process.kill('SIGTERM');
      running.process.kill('SIGCONT'); // of no effect but on one that froze itself when nobody waited for it any more
      if (!(await withinTime(running.ended, EXIT_TIMEOUT_MS))) {
        complaints.push(`${this.name} was still running ${EXIT_TIMEOUT_MS} ms after SIGTERM`);
        running.process.kill('SIGKILL');
      }
      const end = await running.ended;
      if (end !== 0) {
        complaints.push(`${this.name} ended with ${end} on SIGTERM, instead of exit code 0`);
      }
    }
    if (!(await withinTime(this.#disconnected(), EXIT_TIMEOUT_MS))) {
      complaints.push(`${this.name} is gone, but ${this.proxy.connections} connections of its proxy are open`);
    }
    await this.proxy.close();
    return complaints;
  }

  async #disconnected(): Promise<void> {
    while (this.proxy.connections > 0) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #spawn(): void {
    const { log, settings, redisUrl } = this.options;
    const file = openSync(log, 'a');
    const { url, cluster } = this.proxy;
    const given = JSON.stringify(settings(typeof redisUrl === 'string' ? url : cluster, this.#incarnation));
    this.#incarnation += 1;
    const child = spawn(process.execPath, [this.program, given], {
      stdio: ['ignore', file, file, 'ipc'],
    });
    closeSync(file);
    const forget = endWithSupervisor(child.pid ?? 0);
    const ended = once(child, 'exit').then(([code, signal]: (number | NodeJS.Signals | null)[]) => signal ?? code ?? 0);
    const running: Running = { process: child, ended, isReady: false };
    this.#running = running;
    this.#starting = this.#next(running, 'ready', START_TIMEOUT_MS).then((report) => {
      running.isReady = report !== undefined;
    });
    void ended.then((end) => {
      forget();
      running.isReady = false;
      this.#running = undefined;
      if (typeof end === 'number' && this.#keepRunning) {
        if (end !== TRY_AGAIN) {
          this.selfEnded.push(`${this.name} ended by itself with exit code ${end}; see ${log}`);
        }
        setTimeout(() => {
          this.#restart();
        }, RESTART_PAUSE_MS);
      } else {
        this.#restart();
      }
    });
  }

  #restart(): void {
    if (this.#keepRunning && this.#running === undefined) {
      this.#spawn();
    }
  }

  async #next(running: Running, awaited: Report['report'], timeoutMs: number): Promise<Report | undefined> {
    let listener: (report: Report) => void = () => undefined;
    let found: Report | undefined;
    const reported = new Promise<void>((resolve) => {
      listener = (report) => {
        if (report.report === awaited) {
          found = report;
          resolve();
        }
      };
      running.process.on('message', listener);
    });
    await withinTime(Promise.race([reported, running.ended]), timeoutMs);
    running.process.off('message', listener);
    return found;
  }
}
