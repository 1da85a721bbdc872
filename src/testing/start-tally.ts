import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { defaultLogger } from '../lib/default-logger.js';
import { openStore } from '../layout/store.js';
import { createRegistry } from '../operations/registry.js';
import type { BuiltInOperation } from '../operations/registry.js';
import type { Operation } from '../operations/operation.js';
import { createProducer } from '../producers/producer.js';
import type { Producer } from '../producers/producer.js';
import type { ProducerOptions } from '../producers/producer-options.js';
import { createReader } from '../readers/reader.js';
import type { Reader } from '../readers/reader.js';
import { startEmbeddedRedis } from '../redis/embedded.js';
import { DEFAULT_NAMESPACE } from '../redis/keys.js';
import { createWorker } from '../workers/worker.js';
import type { TallyWorker, WorkerOptions } from '../workers/worker.js';
import { Drainer } from './drainer.js';
import { ClockFile, NoClock } from './test-clock.js';
import type { OwnClock, TestClock } from './test-clock.js';

export interface TestTallyOptions<Custom extends Operation = never> {
  /** Operations of your own. @defaultValue none */
  operations?: readonly Custom[];
  /**
   * Whether time can be moved. Linux only, with a C compiler on the PATH: the clock of Redis is moved by a small library that is
   * compiled and loaded into it. @defaultValue false
   */
  movableClock?: boolean;
  /** Further options of the producer. */
  producer?: Partial<Omit<ProducerOptions<Custom>, 'redis' | 'namespace' | 'prefix' | 'operations'>>;
  /** Further options of the worker; `false`: none runs, so that updates stay where they are. */
  worker?: Partial<Omit<WorkerOptions, 'redis' | 'namespace' | 'prefix' | 'operations'>> | false;
  /** @defaultValue silent */
  logger?: Logger;
}

/** A Tally for tests: a real Redis that nothing else uses, a worker in this process, a producer and a reader. */
export interface TestTally<Custom extends Operation = never> {
  /** The URL of its Redis, for the code under test. Namespace and prefix are the usual ones. */
  readonly redis: string;
  readonly producer: Producer<BuiltInOperation | Custom>;
  readonly reader: Reader;
  readonly clock: TestClock;
  /**
   * Waits until all that may run has run: no job waits or runs, but for those whose time has not come.
   *
   * @param timeoutMs how long to wait at most. @defaultValue 10,000
   * @throws Error that says what is left
   */
  drain(timeoutMs?: number): Promise<void>;
  /** Ends all of it and removes its data. */
  stop(): Promise<void>;
}

/**
 * Starts a Tally for a test file: `const tally = await startTally()` and `afterAll(() => tally.stop())`. It takes a third of a second.
 * Needs `redis-server` or `valkey-server` on the PATH.
 *
 * @throws ConfigurationError when there is no server program
 */
export async function startTally<Custom extends Operation = never>(
  options: TestTallyOptions<Custom> = {},
): Promise<TestTally<Custom>> {
  const { operations = [], movableClock = false, logger = defaultLogger({ level: 'silent' }) } = options;
  const folder = mkdtempSync(join(tmpdir(), 'tally-testing-'));
  const clock: OwnClock = movableClock ? new ClockFile(folder) : new NoClock();
  const { environment = {} } = clock;
  const stops: (() => Promise<void> | void)[] = [
    () => {
      rmSync(folder, { recursive: true, force: true });
    },
  ];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) {
      await each();
    }
  };
  try {
    const server = await startEmbeddedRedis({ dataDir: join(folder, 'redis'), environment });
    stops.push(() => server.stop());
    const common = { redis: server.url, operations, logger };
    const store = openStore({ redis: server.url, ...DEFAULT_NAMESPACE, connectionName: 'tally-testing', logger });
    stops.push(() => {
      store.close();
    });
    const worker = startWorker(options, common);
    stops.push(async () => worker?.close());
    const producer = createProducer<Custom>({ ...common, ...options.producer });
    stops.push(() => producer.close());
    const reader = createReader({ redis: server.url, logger });
    stops.push(() => {
      reader.close();
    });
    await worker?.ready();
    const drainer = new Drainer(store, createRegistry(operations).queues);
    stops.push(() => drainer.close());
    clock.moved = () => drainer.promoteDue();
    stops.push(() => {
      clock.reset();
    });
    return { redis: server.url, producer, reader, clock, drain: (timeoutMs) => drainer.drain(timeoutMs), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Common {
  readonly redis: string;
  readonly operations: readonly Operation[];
  readonly logger: Logger;
}

function startWorker({ worker }: Pick<TestTallyOptions, 'worker'>, common: Common): TallyWorker | undefined {
  return worker === false ? undefined : createWorker({ ...common, ...worker });
}
