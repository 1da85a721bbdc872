import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startRedisWithClock } from '../support/redis-clock/redis-with-clock.js';
import type { RedisWithClock } from '../support/redis-clock/redis-with-clock.js';
import { TALLY } from '../support/tally-command.js';
import { freePorts } from '../support/topology/free-ports.js';
import { Callers } from './callers.js';
import { Dashboard } from './dashboard.js';
import { Program, runProgram } from './programs.js';
import { Prometheus } from './prometheus.js';

const CALLERS = 4;
const PASSWORD = 'correct horse battery';

/** The group of subscribers. */
export const GROUP = 'mails';

export type Role = 'worker' | 'api' | 'dashboard';

export interface SetUpOptions {
  readonly folder: string;
  /** By how much the rules are hurried. */
  readonly by: number;
}

interface Parts {
  readonly redis: RedisWithClock;
  readonly ports: Readonly<Record<Role, number>>;
  readonly prometheus: Prometheus;
}

/** A running Tally with all that belongs to it: each part a process of its own, as in production. */
export class SetUp {
  readonly callers: Callers;
  readonly dashboard: Dashboard;
  readonly #programs = new Map<Role | 'subscriber', Program>();
  #secret = '';

  private constructor(
    private readonly options: SetUpOptions,
    private readonly parts: Parts,
  ) {
    this.callers = new Callers(`http://127.0.0.1:${parts.ports.api}`, CALLERS);
    this.dashboard = new Dashboard(`http://127.0.0.1:${parts.ports.dashboard}`);
  }

  static async start(options: SetUpOptions): Promise<SetUp> {
    const { folder, by } = options;
    mkdirSync(folder, { recursive: true });
    const [worker = 0, api = 0, dashboard = 0, port = 0] = await freePorts(4);
    const dataDir = join(folder, 'redis');
    const redis = await startRedisWithClock({ dataDir, settings: ['--maxmemory', '128mb'] });
    const jobs = { 'tally-api': [`127.0.0.1:${api}`], 'tally-worker': [`127.0.0.1:${worker}`] };
    const prometheus = await Prometheus.start({ folder, port, by, jobs, keyFile: keyFileOf(folder) });
    const setUp = new SetUp(options, { redis, ports: { worker, api, dashboard }, prometheus });
    await setUp.letIn();
    for (const role of ['worker', 'api', 'dashboard'] as const) {
      await setUp.startProcess(role);
    }
    await setUp.startSubscriber();
    return setUp;
  }

  get redis(): RedisWithClock {
    return this.parts.redis;
  }

  get prometheus(): Prometheus {
    return this.parts.prometheus;
  }

  get redisUrl(): string {
    return this.redis.url;
  }

  /** The API key of the callers. */
  get secret(): string {
    return this.#secret;
  }

  /** Where the subscriber notes the ids of the updates that it was told of. */
  get journal(): string {
    return join(this.options.folder, 'told.txt');
  }

  /** Makes the user, and the API keys of callers and Prometheus, as deploy/README.md has it. */
  async letIn(): Promise<void> {
    await this.tally(['users', 'add', 'olga', '--role', 'operator'], `${PASSWORD}\n`);
    this.#secret = (await this.tally(['keys', 'create', '--name', 'shop'])).trim();
    const forPrometheus = await this.tally(['keys', 'create', '--name', 'prometheus', '--metrics-only']);
    writeFileSync(keyFileOf(this.options.folder), forPrometheus.trim());
  }

  /** Runs a command of Tally. @returns what it printed */
  tally(args: readonly string[], input?: string): Promise<string> {
    return runProgram([...TALLY, ...args], this.#environmentOf('commands'), input);
  }

  /** Runs `redis-cli` as the runbook has it. */
  redisCli(...args: readonly string[]): Promise<string> {
    return runProgram(['redis-cli', '-u', this.redisUrl, ...args]);
  }

  async startProcess(role: Role): Promise<void> {
    const ready = { worker: /worker ready/, api: /API {8}http/, dashboard: /dashboard {2}http/ }[role];
    const options = { name: role, command: [...TALLY, role], environment: this.#environmentOf(role), ready };
    this.#programs.set(role, await Program.start({ ...options, log: join(this.options.folder, `${role}.log`) }));
  }

  async stopProcess(role: Role): Promise<void> {
    await this.#programs.get(role)?.stop();
  }

  async startSubscriber(): Promise<void> {
    const entry = new URL('subscriber.ts', import.meta.url).pathname;
    const settings = JSON.stringify({ redis: this.redisUrl, group: GROUP, journal: this.journal });
    const command = [process.execPath, '--import', 'tsx', entry, settings];
    const log = join(this.options.folder, 'subscriber.log');
    this.#programs.set('subscriber', await Program.start({ name: 'subscriber', command, ready: /ready/, log }));
  }

  async killSubscriber(): Promise<void> {
    await this.#programs.get('subscriber')?.kill();
  }

  /** Processes that ended by themselves. */
  ended(): string[] {
    return [...this.#programs].flatMap(([name, program]) => (program.hasDied ? [name] : []));
  }

  async stop(): Promise<void> {
    await this.callers.stop(true);
    await Promise.all([...this.#programs.values()].map((program) => program.stop()));
    await this.prometheus.stop();
    await this.redis.stop();
  }

  #environmentOf(role: Role | 'commands'): Record<string, string> {
    const { ports } = this.parts;
    const common = {
      REDIS_URL: this.redisUrl,
      TALLY_DATA_DIR: join(this.options.folder, `data-of-${role}`),
      LOG_LEVEL: 'info',
    };
    switch (role) {
      case 'worker':
        return { ...common, TALLY_METRICS_PORT: String(ports.worker), TALLY_OUTCOMES: 'true' };
      case 'api':
        return { ...common, PORT: String(ports.api), TALLY_LOG_REQUESTS: '0' };
      case 'dashboard':
        return {
          ...common,
          PORT: String(ports.dashboard),
          TALLY_DASHBOARD_PROXY_ADDRESSES: '127.0.0.1',
          TALLY_DASHBOARD_USER_HEADER: 'X-Forwarded-User',
          TALLY_DASHBOARD_ROLE_HEADER: 'X-Forwarded-Role',
        };
      case 'commands':
        return common;
    }
  }
}

function keyFileOf(folder: string): string {
  return join(folder, 'metrics-key');
}
