import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { startEmbeddedRedis } from '../../src/redis/embedded.js';
import { contenders } from './contenders.js';
import { measureLatency } from './latency.js';
import { measureMemory } from './memory.js';
import { progress } from './progress.js';
import { latencyTable, memoryTable, throughputTable } from './tables.js';
import { measureThroughput } from './throughput.js';

interface Flags {
  readonly rounds: number;
  readonly scale: number;
  readonly only?: readonly string[];
  readonly json?: string;
}

const program = new Command('bench')
  .description(
    'Compares Tally with plain BullMQ, bee-queue and direct calls of the script, on a Redis of its own. Latency and memory follow unless --only is given.',
  )
  .option('--rounds <n>', 'rounds of each side', wholeNumber, 5)
  .option('--only <names>', `of ${contenders.map(({ name }) => name).join(', ')}`, names)
  .option('--scale <part>', 'part of the updates to run', Number, 1)
  .option('--json <file>', 'write the figures as JSON');

await main(program.parse().opts<Flags>());

async function main({ rounds, scale, only, json }: Flags): Promise<void> {
  const chosen = contenders.filter(({ name }) => only?.includes(name) ?? true);
  const dataDir = mkdtempSync(join(tmpdir(), 'tally-bench-'));
  const redis = await startEmbeddedRedis({ dataDir });
  const shown = progress();
  try {
    const results = await measureThroughput(redis.url, chosen, { rounds, scale, report: shown.report });
    shown.done();
    console.log(throughputTable(chosen, results));
    const latency = only === undefined ? await measureLatency(redis.url, { rounds, report: shown.report }) : [];
    const memory = only === undefined ? await measureMemory(redis.url, { report: shown.report }) : [];
    shown.done();
    if (only === undefined) {
      console.log(`\n${latencyTable(latency)}\n\n${memoryTable(memory)}`);
    }
    if (json !== undefined) {
      writeFileSync(json, `${JSON.stringify({ results: Object.fromEntries(results), latency, memory }, null, 2)}\n`);
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
