import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { startEmbeddedRedis } from '../../src/redis/embedded.js';
import { measureBacklog } from './backlog.js';
import { measureCluster, spreadWorkloads } from './cluster.js';
import { contenders } from './contenders.js';
import { measureHttp } from './http/measure.js';
import { httpSides } from './http/sides.js';
import { measureKept } from './kept.js';
import { measureLatency } from './latency.js';
import { measureMemory } from './memory.js';
import { progress } from '../progress.js';
import {
  backlogTable,
  clusterTables,
  httpTable,
  keptTable,
  latencyTable,
  memoryTable,
  throughputTable,
} from './tables.js';
import { measureThroughput } from './throughput.js';

interface Flags {
  readonly rounds: number;
  readonly scale: number;
  readonly only?: readonly string[];
  readonly json?: string;
}

type Shown = ReturnType<typeof progress>;

/** A rewrite of the append-only file would fall on some of the runs only. */
const REDIS_SETTINGS = ['--auto-aof-rewrite-percentage', '0'];

const program = new Command('bench').enablePositionalOptions(); // flags after `http` are its own
withFlags(program, contenders)
  .description(
    'Compares Tally with plain BullMQ, bee-queue and direct calls of the script, on a Redis of its own. Latency, memory and a large backlog follow unless --only is given.',
  )
  .action((flags: Flags) => onOwnRedis((url, shown) => benchLibrary(url, shown, flags)));
withFlags(program.command('http'), httpSides)
  .description("Compares Tally's HTTP API with Express, zod and queue.add.")
  .action((flags: Flags) => onOwnRedis((url, shown) => benchHttp(url, shown, flags)));
withFlags(program.command('cluster'), spreadWorkloads, 3)
  .description('What an update costs on one server and on Clusters of 1, 3 and 6 masters, as processor time.')
  .action((flags: Flags) => inOwnFolder((dataDir, shown) => benchCluster(dataDir, shown, flags)));
program
  .command('kept')
  .description('What the outcomes of completed updates take of the memory of Redis while they are kept.')
  .action(() =>
    onOwnRedis(async (url, shown) => {
      const kept = await measureKept(url, { report: shown.report });
      shown.done();
      console.log(keptTable(kept));
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

async function benchLibrary(redisUrl: string, shown: Shown, { rounds, scale, only, json }: Flags): Promise<void> {
  const { report } = shown;
  const chosen = contenders.filter(({ name }) => only?.includes(name) ?? true);
  const results = await measureThroughput(redisUrl, chosen, { rounds, scale, report });
  shown.done();
  console.log(throughputTable(chosen, results));
  const latency = only === undefined ? await measureLatency(redisUrl, { rounds, report }) : [];
  const memory = only === undefined ? await measureMemory(redisUrl, { report }) : [];
  const backlog = only === undefined ? await measureBacklog(redisUrl, { report }) : [];
  shown.done();
  if (only === undefined) {
    console.log(`\n${latencyTable(latency)}\n\n${memoryTable(memory)}\n\n${backlogTable(backlog)}`);
  }
  save(json, { results: Object.fromEntries(results), latency, memory, backlog });
}

async function benchHttp(redisUrl: string, shown: Shown, { rounds, scale, only, json }: Flags): Promise<void> {
  const chosen = httpSides.filter(({ name }) => only?.includes(name) ?? true);
  const results = await measureHttp(redisUrl, chosen, { rounds, scale, report: shown.report });
  shown.done();
  console.log(httpTable(chosen, results));
  save(json, { results: Object.fromEntries(results) });
}

async function benchCluster(dataDir: string, shown: Shown, { rounds, scale, only, json }: Flags): Promise<void> {
  const chosen = spreadWorkloads.filter(({ name }) => only?.includes(name) ?? true);
  const early = interrupted();
  early.catch(() => undefined); // also while servers are being started
  const results = await measureCluster(chosen, { rounds, scale, report: shown.report, dataDir, interrupted: early });
  shown.done();
  console.log(clusterTables(chosen, results));
  save(json, { results });
}

function onOwnRedis(work: (redisUrl: string, shown: Shown) => Promise<void>): Promise<void> {
  return inOwnFolder(async (dataDir, shown) => {
    const redis = await startEmbeddedRedis({ dataDir, settings: REDIS_SETTINGS });
    try {
      await Promise.race([work(redis.url, shown), interrupted()]);
    } finally {
      await redis.stop();
    }
  });
}

async function inOwnFolder(work: (dataDir: string, shown: Shown) => Promise<void>): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tally-bench-'));
  try {
    await work(dataDir, progress());
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

function save(file: string | undefined, figures: object): void {
  if (file !== undefined) {
    writeFileSync(file, `${JSON.stringify(figures, null, 2)}\n`);
  }
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
