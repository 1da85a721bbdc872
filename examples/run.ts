import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { pino } from 'pino';
import { createProducer, createReader, createSubscriber, createWorker } from '../src/index.js';
import type { TallyWorker } from '../src/index.js';
import { connectPromptly } from '../src/redis/connection.js';
import type { Connection } from '../src/redis/connection.js';
import { startEmbeddedRedis } from '../src/redis/embedded.js';
import { energySpend } from './energy-spend.js';
import type { ExampleContext, Lesson, Step } from './example.js';

/*
 * Runs all examples, or those named, against a Redis of their own:
 *
 *   npm run examples
 *   npm run examples -- 01-counter 08-transaction
 *
 * or against yours, a Cluster too, under names of their own which are removed at the end:
 *
 *   REDIS_URL=redis-cluster://127.0.0.1:7000 npm run examples
 */

type Run = (context: ExampleContext) => Promise<Lesson>;

const TIMEOUT_MS = 10_000;

/** A Cluster can't do what these show. */
const ON_ONE_SERVER = ['18-low-stock'];

const logger = pino({ level: 'error' });

async function main(wanted: readonly string[], url: string | undefined): Promise<void> {
  const names = await chooseExamples(wanted);
  await (url === undefined ? runInOwnRedis(names) : runInGivenRedis(names, url));
}

async function runInOwnRedis(names: readonly string[]): Promise<void> {
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
    await Promise.race([runAll(names, context), interrupted]);
  } finally {
    await server.stop();
    await rm(dataDir, { recursive: true });
  }
}

/** Under names of their own, removed at the end: what else is in that Redis stays as it is. */
async function runInGivenRedis(names: readonly string[], url: string): Promise<void> {
  const place = `examples-${randomBytes(4).toString('hex')}`;
  const namespaces = { namespace: `${place}-tally`, prefix: `${place}-jobs` };
  const options = { redis: url, ...namespaces, operations: [energySpend], logger };
  const connection = connect(url);
  const { isCluster } = connection;
  const worker = createWorker({ ...options, outcomes: !isCluster });
  const producer = createProducer(options);
  const reader = createReader({ redis: url, ...namespaces, logger });
  const subscribe: ExampleContext['subscribe'] = (asked) => createSubscriber({ ...options, ...asked });
  const context = { worker, producer, reader, subscribe, redis: connection, key: (name: string) => `${place}:${name}` };
  try {
    await runAll(isCluster ? names.filter((name) => !ON_ONE_SERVER.includes(name)) : names, context);
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

interface Running extends ExampleContext {
  readonly redis: Connection;
  readonly worker: TallyWorker;
}

async function runAll(names: readonly string[], { worker, ...context }: Running): Promise<void> {
  try {
    await worker.ready();
    for (const name of names) {
      const { run } = (await import(`./${name}.js`)) as { run: Run };
      print(name, await run(context));
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

try {
  await main(process.argv.slice(2), process.env['REDIS_URL']);
} catch (error) {
  console.error(error);
  process.exit(1); // after an interruption, connections may still be open
}
