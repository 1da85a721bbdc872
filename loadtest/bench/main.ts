import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { startEmbeddedRedis } from '../../src/redis/embedded.js';
import { measureBacklog } from './backlog.js';
import { contenders } from './contenders.js';
import { measureLatency } from './latency.js';
import { measureMemory } from './memory.js';
import { progress } from './progress.js';
import { backlogTable, latencyTable, memoryTable, throughputTable } from './tables.js';
import { measureThroughput } from './throughput.js';

interface Flags {
  readonly rounds: number;
  readonly scale: number;
  readonly only?: readonly string[];
  readonly json?: string;
}

/** A rewrite of the append-only file would fall on some of the runs only. */
const REDIS_SETTINGS = ['--auto-aof-rewrite-percentage', '0'];

const program = new Command('bench')
  .description(
    'Compares Tally with plain BullMQ, bee-queue and direct calls of the script, on a Redis of its own. Latency, memory and a large backlog follow unless --only is given.',
  )
  .option('--rounds <n>', 'rounds of each side', wholeNumber, 5)
  .option('--only <names>', `of ${contenders.map(({ name }) => name).join(', ')}`, names)
  .option('--scale <part>', 'part of the updates to run', Number, 1)
  .option('--json <file>', 'write the figures as JSON');

await main(program.parse().opts<Flags>());

async function main({ rounds, scale, only, json }: Flags): Promise<void> {
  const chosen = contenders.filter(({ name }) => only?.includes(name) ?? true);
  const dataDir = mkdtempSync(join(tmpdir(), 'tally-bench-'));
  const redis = await startEmbeddedRedis({ dataDir, settings: REDIS_SETTINGS });
  const shown = progress();
  try {
    const results = await measureThroughput(redis.url, chosen, { rounds, scale, report: shown.report });
    shown.done();
    console.log(throughputTable(chosen, results));
    const latency = only === undefined ? await measureLatency(redis.url, { rounds, report: shown.report }) : [];
    const memory = only === undefined ? await measureMemory(redis.url, { report: shown.report }) : [];
    const backlog = only === undefined ? await measureBacklog(redis.url, { report: shown.report }) : [];
    shown.done();
    if (only === undefined) {
      console.log(`\n${latencyTable(latency)}\n\n${memoryTable(memory)}\n\n${backlogTable(backlog)}`);
    }
    if (json !== undefined) {
      const figures = { results: Object.fromEntries(results), latency, memory, backlog };
      writeFileSync(json, `${JSON.stringify(figures, null, 2)}\n`);
    }
  } finally {
    await redis.stop();
    rmSync(dataDir, { recursive: true });
  }
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 100) {
    throw new InvalidArgumentError('must be a whole number from 1 to 100');
  }
  return number;
}

function names(text: string): string[] {
  const known = contenders.map(({ name }) => name);
  const asked = text.split(',').map((name) => name.trim());
  const unknown = asked.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`unknown: "${unknown}"; known: ${known.join(', ')}`);
  }
  return asked;
}
