import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { startEmbeddedRedis } from '../../src/redis/embedded.js';
import { measureBacklog } from './backlog.js';
import { measureCluster, spreadWorkloads, toldWorkloads } from './cluster.js';
import type { ClusterSize } from './cluster.js';
import type { Contender } from './contender.js';
import { contenders, contendersWithMore } from './contenders.js';
import { measureCpu } from './cpu.js';
import { measureImport } from './everyday/import.js';
import { measurePairs } from './everyday/pairs.js';
import { measureReads } from './everyday/reads.js';
import { everydayTables } from './everyday/tables.js';
import { environmentLine, readEnvironment, redisVersion } from './environment.js';
import type { Environment } from './environment.js';
import { measureHttp } from './http/measure.js';
import { httpSides } from './http/sides.js';
import { measureIdle } from './idle.js';
import { measureKept } from './kept-outcomes.js';
import { measureLatency } from './latency.js';
import { measureMemory } from './memory.js';
import { cpuRatios, latencyRatios, rateRatios } from './ratios.js';
import { progress } from '../progress.js';
import {
  backlogTable,
  clusterTables,
  cpuTable,
  httpTable,
  idleTable,
  keptTable,
  latencyTable,
  memoryTable,
  ratioTable,
  throughputTable,
} from './tables.js';
import { measureThroughput } from './throughput.js';

interface Flags {
  readonly rounds: number;
  readonly scale: number;
  readonly only?: readonly string[];
  readonly json?: string;
}

interface ClusterFlags extends Flags {
  readonly on?: ClusterSize;
}

interface Run extends ReturnType<typeof progress> {
  readonly environment: Environment;
}

/** A rewrite of the append-only file would fall on some of the runs only. */
const REDIS_SETTINGS = ['--auto-aof-rewrite-percentage', '0'];

const ofNode = contenders.filter((it): it is Contender => 'load' in it);
const measuredAlone = [...ofNode, ...contendersWithMore];
/** Of which the whole run tells the processor time. */
const COMPARED = ['tally-batched', 'plain-bullmq-batched', 'plain-bullmq'];

const program = new Command('bench').enablePositionalOptions(); // flags after `http` are its own
withFlags(program, contenders)
  .description(
    'Compares Tally with plain BullMQ, also batched by hand, bee-queue and direct calls of the script, on a Redis of its own. Latency, processor time, memory and a large backlog follow unless --only is given.',
  )
  .action((flags: Flags) => onOwnRedis((url, run) => benchLibrary(url, run, flags)));
withFlags(program.command('cpu'), measuredAlone)
  .description('What an update costs the producer, the worker and Redis, each alone, as processor time.')
  .action((flags: Flags) => onOwnRedis((url, run) => benchCpu(url, run, flags)));
withFlags(program.command('http'), httpSides)
  .description("Compares Tally's HTTP API with Express, zod and queue.add.")
  .action((flags: Flags) => onOwnRedis((url, run) => benchHttp(url, run, flags)));
withFlags(program.command('cluster'), [...spreadWorkloads, ...toldWorkloads], 3)
  .option('--on <masters/partitions>', 'on such a Cluster and one server, e.g. 3/8', mastersAndPartitions)
  .description('What an update costs on one server and on Clusters of 1, 3 and 6 masters, as processor time.')
  .action((flags: ClusterFlags) => inOwnFolder((dataDir, run) => benchCluster(dataDir, run, flags)));
program
  .command('kept')
  .description('What the outcomes of completed updates take of the memory of Redis while they are kept.')
  .action(() =>
    onOwnRedis(async (url, run) => {
      const kept = await measureKept(url, { report: run.report });
      run.done();
      print(run, keptTable(kept));
    }),
  );
program
  .command('everyday')
  .description(
    'Reserving and confirming beside plain increments, reading leaderboards and many cells, and importing a file.',
  )
  .option('--scale <part>', 'part of the updates, members and rows', Number, 1)
  .option('--json <file>', 'write the figures as JSON')
  .action((flags: Pick<Flags, 'scale' | 'json'>) => onOwnRedis((url, run) => benchEveryday(url, run, flags)));
program
  .command('idle')
  .description('What a worker with nothing to do costs Redis each second, on one server and on a Cluster.')
  .action(() =>
    inOwnFolder(async (dataDir, run) => {
      const early = interrupted();
      early.catch(() => undefined); // also while servers are being started
      const idle = await measureIdle({ report: run.report, dataDir, interrupted: early });
      run.done();
      print(run, idleTable(idle));
    }),
  );
await program.parseAsync().catch((error: unknown) => {
  console.error((error as Error).message);
  process.exit(1); // the processes of the run end with this one
});

function withFlags(command: Command, sides: readonly { readonly name: string }[], rounds = 5): Command {
  const names = sides.map(({ name }) => name);
  return command
    .option('--rounds <n>', 'rounds of each side', wholeNumber, rounds)
    .option('--only <names>', `of ${names.join(', ')}`, (text) => namesAmong(names, text))
    .option('--scale <part>', 'part of the updates to run', Number, 1)
    .option('--json <file>', 'write the figures as JSON');
}

async function benchLibrary(redisUrl: string, run: Run, { rounds, scale, only, json }: Flags): Promise<void> {
  const { report } = run;
  const options = { rounds, report };
  const chosen = contenders.filter(({ name }) => only?.includes(name) ?? true);
  const results = await measureThroughput(redisUrl, chosen, { ...options, scale });
  const whole = only === undefined;
  const latency = whole ? await measureLatency(redisUrl, options) : [];
  const compared = whole ? ofNode.filter(({ name }) => COMPARED.includes(name)) : [];
  const cpu = await measureCpu(redisUrl, compared, { ...options, scale });
  const memory = whole ? await measureMemory(redisUrl, { report }) : [];
  const backlog = whole ? await measureBacklog(redisUrl, { report }) : [];
  run.done();
  const ratios = [...rateRatios(results), ...latencyRatios(latency), ...cpuRatios(cpu)];
  print(
    run,
    throughputTable(chosen, results),
    ...(ratios.length > 0 ? [ratioTable(ratios)] : []),
    ...(whole ? [latencyTable(latency), cpuTable(compared, cpu), memoryTable(memory), backlogTable(backlog)] : []),
  );
  save(run, json, {
    results: Object.fromEntries(results),
    ratios,
    latency,
    cpu: Object.fromEntries(cpu),
    memory,
    backlog,
  });
}

async function benchCpu(redisUrl: string, run: Run, { rounds, scale, only, json }: Flags): Promise<void> {
  const chosen = only === undefined ? ofNode : measuredAlone.filter(({ name }) => only.includes(name));
  const cpu = await measureCpu(redisUrl, chosen, { rounds, scale, report: run.report });
  const ratios = cpuRatios(cpu);
  run.done();
  print(run, cpuTable(chosen, cpu), ...(ratios.length > 0 ? [ratioTable(ratios)] : []));
  save(run, json, { cpu: Object.fromEntries(cpu), ratios });
}

async function benchHttp(redisUrl: string, run: Run, { rounds, scale, only, json }: Flags): Promise<void> {
  const chosen = httpSides.filter(({ name }) => only?.includes(name) ?? true);
  const results = await measureHttp(redisUrl, chosen, { rounds, scale, report: run.report });
  run.done();
  print(run, httpTable(chosen, results));
  save(run, json, { results: Object.fromEntries(results) });
}

async function benchEveryday(
  redisUrl: string,
  run: Run,
  { scale, json }: Pick<Flags, 'scale' | 'json'>,
): Promise<void> {
  const options = { scale, report: run.report };
  const pairs = await measurePairs(redisUrl, options);
  const reads = await measureReads(redisUrl, options);
  const imported = await measureImport(redisUrl, options);
  run.done();
  print(run, ...everydayTables({ pairs, reads, imported }));
  save(run, json, { pairs, reads, imported });
}

async function benchCluster(dataDir: string, run: Run, { rounds, scale, only, on, json }: ClusterFlags): Promise<void> {
  const chosen =
    only === undefined
      ? spreadWorkloads
      : [...spreadWorkloads, ...toldWorkloads].filter(({ name }) => only.includes(name));
  const early = interrupted();
  early.catch(() => undefined); // also while servers are being started
  const results = await measureCluster(chosen, { rounds, scale, on, report: run.report, dataDir, interrupted: early });
  run.done();
  print(run, clusterTables(chosen, results));
  save(run, json, { results });
}

function onOwnRedis(work: (redisUrl: string, run: Run) => Promise<void>): Promise<void> {
  return inOwnFolder(async (dataDir, run) => {
    const redis = await startEmbeddedRedis({ dataDir, settings: REDIS_SETTINGS });
    try {
      const environment = { ...run.environment, redis: await redisVersion(redis.url) };
      await Promise.race([work(redis.url, { ...run, environment }), interrupted()]);
    } finally {
      await redis.stop();
    }
  });
}

async function inOwnFolder(work: (dataDir: string, run: Run) => Promise<void>): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tally-bench-'));
  try {
    await work(dataDir, { ...progress(), environment: readEnvironment() });
  } finally {
    rmSync(dataDir, { recursive: true });
  }
}

/** Ctrl-C ends the run like an error, so that Redis and its files are cleared away. */
function interrupted(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM']) {
      process.once(signal, () => {
        reject(new Error(`stopped by ${signal}`));
      });
    }
  });
}

function print({ environment }: Run, ...tables: readonly string[]): void {
  console.log([environmentLine(environment), ...tables].join('\n\n'));
}

function save({ environment }: Run, file: string | undefined, figures: object): void {
  if (file !== undefined) {
    writeFileSync(file, `${JSON.stringify({ environment, ...figures }, null, 2)}\n`);
  }
}

function mastersAndPartitions(text: string): ClusterSize {
  const [, masters, partitions] = /^(\d{1,2})\/(\d{1,3})$/.exec(text) ?? [];
  if (masters === undefined || Number(masters) === 0 || Number(partitions) === 0) {
    throw new InvalidArgumentError('must be like 3/8');
  }
  return { masters: Number(masters), partitions: Number(partitions) };
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 100) {
    throw new InvalidArgumentError('must be a whole number from 1 to 100');
  }
  return number;
}

function namesAmong(known: readonly string[], text: string): string[] {
  const asked = text.split(',').map((name) => name.trim());
  const unknown = asked.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`unknown: "${unknown}"; known: ${known.join(', ')}`);
  }
  return asked;
}
