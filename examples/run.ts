import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { createProducer, createWorker } from '../src/index.js';
import { startEmbeddedRedis } from '../src/redis/embedded.js';
import { energySpend } from './energy-spend.js';
import type { ExampleContext, Lesson, Step } from './example.js';

/*
 * Runs all examples, or those named, against a Redis of their own:
 *
 *   npm run examples
 *   npm run examples -- 01-counter 08-transaction
 */

type Run = (context: ExampleContext) => Promise<Lesson>;

async function main(wanted: readonly string[]): Promise<void> {
  const names = await chooseExamples(wanted);
  const dataDir = await mkdtemp(join(tmpdir(), 'tally-examples-'));
  const server = await startEmbeddedRedis({ dataDir });
  // Ctrl-C must not leave the server behind.
  const interrupted = once(process, 'SIGINT').then(() => Promise.reject(new Error('interrupted')));
  try {
    await Promise.race([runAll(names, server.url), interrupted]);
  } finally {
    await server.stop();
    await rm(dataDir, { recursive: true });
  }
}

/** The folder listing is the lesson order. */
async function chooseExamples(wanted: readonly string[]): Promise<readonly string[]> {
  const files = await readdir(import.meta.dirname);
  const all = files
    .filter((file) => /^\d\d-.*\.ts$/.test(file))
    .map((file) => file.replace(/\.ts$/, ''))
    .sort();
  const unknown = wanted.find((name) => !all.includes(name));
  if (unknown !== undefined) {
    throw new Error(`there is no example "${unknown}"; there are ${all.join(', ')}`);
  }
  return wanted.length === 0 ? all : wanted;
}

async function runAll(names: readonly string[], url: string): Promise<void> {
  const logger = pino({ level: 'error' });
  const worker = createWorker({ redis: url, operations: [energySpend], logger });
  const producer = createProducer({ redis: url, operations: [energySpend], logger });
  const redis = new Redis(url);
  try {
    await worker.ready();
    for (const name of names) {
      const { run } = (await import(`./${name}.js`)) as { run: Run };
      print(name, await run({ producer, redis, key: (keyName) => keyName }));
    }
  } finally {
    await producer.close();
    await worker.close();
    redis.disconnect();
  }
}

function print(name: string, { title, steps }: Lesson): void {
  console.log(`${name}: ${title}`);
  for (const { did, answer } of steps) {
    console.log(`  ${did} -> ${describe(answer)}`);
  }
  console.log();
}

function describe(answer: Step['answer']): string {
  if (answer === null || typeof answer === 'string') {
    return String(answer);
  }
  if (answer instanceof Error) {
    return `${answer.name}: ${answer.message}`;
  }
  const again = 'duplicate' in answer ? ' (duplicate)' : '';
  const details = answer.status === 'applied' ? inline(answer.result) : `${answer.reason}: ${answer.message}`;
  return `${answer.status} ${details}${again}`;
}

function inline(value: unknown): string {
  return inspect(value, { depth: null, breakLength: Infinity });
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error);
  process.exit(1); // after an interruption, connections may still be open
}
