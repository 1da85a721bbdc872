import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { pino } from 'pino';
import { createProducer, createReader, createSubscriber, createWorker } from '../src/index.js';
import type { TallyWorker } from '../src/index.js';
import { connectPromptly } from '../src/redis/connect.js';
import type { Connection } from '../src/redis/connection.js';
import { startEmbeddedRedis } from '../src/redis/embedded.js';
import { energySpend } from './energy-spend.js';
import type { ExampleContext, Lesson, Step } from './example.js';

type Run = (context: ExampleContext) => Promise<Lesson>;

/** An example and its name, which is that of its file. */
export interface NamedRun {
  readonly name: string;
  readonly run: Run;
}

const TIMEOUT_MS = 10_000;

const logger = pino({ level: 'error' });

/**
 * At the end of each example: `npx tsx examples/01-counter.ts` runs it alone, against a Redis of its own or that of REDIS_URL.
 * Does nothing when the file is imported.
 */
export async function runAlone({ url }: ImportMeta, run: Run): Promise<void> {
  const file = fileURLToPath(url);
  if (process.argv[1] === file) {
    await runExamples([{ name: basename(file, '.ts'), run }]);
  }
}

/** Runs examples against a Redis of their own, or that of REDIS_URL, and prints what each returned. */
export async function runExamples(examples: readonly NamedRun[]): Promise<void> {
  const url = process.env['REDIS_URL'];
  try {
    await (url === undefined ? runInOwnRedis(examples) : runInGivenRedis(examples, url));
  } catch (error) {
    console.error(error);
    process.exit(1); // after an interruption, connections may still be open
  }
}

async function runInOwnRedis(examples: readonly NamedRun[]): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'tally-examples-'));
  const server = await startEmbeddedRedis({ dataDir });
  const { url } = server;
  // Ctrl-C must not leave the server behind.
  const interrupted = once(process, 'SIGINT').then(() => Promise.reject(new Error('interrupted')));
  try {
    const options = { redis: url, operations: [energySpend], logger };
    const worker = createWorker({ ...options, outcomes: true });
    const producer = createProducer(options);
    const reader = createReader({ redis: url, logger });
    const subscribe: ExampleContext['subscribe'] = (asked) => createSubscriber({ ...options, ...asked });
    const context = { worker, producer, reader, subscribe, redis: connect(url), key: (name: string) => name };
    await Promise.race([runAll(examples, context), interrupted]);
  } finally {
    await server.stop();
    await rm(dataDir, { recursive: true });
  }
}

/** Under names of their own, removed at the end: what else is in that Redis stays as it is. */
async function runInGivenRedis(examples: readonly NamedRun[], url: string): Promise<void> {
  const place = `examples-${randomBytes(4).toString('hex')}`;
  const namespaces = { namespace: `${place}-tally`, prefix: `${place}-jobs` };
  const options = { redis: url, ...namespaces, operations: [energySpend], logger };
  const connection = connect(url);
  const worker = createWorker({ ...options, outcomes: true });
  const producer = createProducer(options);
  const reader = createReader({ redis: url, ...namespaces, logger });
  const subscribe: ExampleContext['subscribe'] = (asked) => createSubscriber({ ...options, ...asked });
  const context = { worker, producer, reader, subscribe, redis: connection, key: (name: string) => `${place}:${name}` };
  try {
    await runAll(examples, context);
  } finally {
    const redis = connect(url);
    for (const master of redis.masters()) {
      for await (const keys of master.scanStream({ match: `${place}*`, count: 1_000 }) as AsyncIterable<string[]>) {
        await Promise.all(keys.map((key) => redis.unlink(key)));
      }
    }
    redis.disconnect();
  }
}

interface Running extends ExampleContext {
  readonly redis: Connection;
  readonly worker: TallyWorker;
}

async function runAll(examples: readonly NamedRun[], { worker, ...context }: Running): Promise<void> {
  try {
    await worker.ready();
    for (const { name, run } of examples) {
      const key: ExampleContext['key'] = (cell) => context.key(examples.length === 1 ? cell : `${name}:${cell}`); // none sees another's
      print(name, await run({ ...context, key }));
    }
  } finally {
    await context.producer.close();
    context.reader.close();
    await worker.close();
    context.redis.disconnect();
  }
}

function connect(url: string): Connection {
  return connectPromptly(url, 'examples', TIMEOUT_MS, logger);
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
