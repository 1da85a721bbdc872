import { setTimeout as wait } from 'node:timers/promises';
import { pino } from 'pino';
import { createProducer, createWorker } from '../../../src/index.js';
import { createRandom } from '../../faults/random.js';
import { startSentinel } from '../../support/topology/sentinel.js';
import { EVENTS } from './events.js';
import type { EventName } from './events.js';
import { ToldLoad } from './told-load.js';
import type { Judged } from './told-load.js';

export interface LossSettings {
  readonly replicas: number;
  readonly replicasToConfirm: number;
  /** Struck one after the other, again and again. */
  readonly events: readonly EventName[];
  /** Events are begun for so long. */
  readonly seconds: number;
  readonly seed: number;
  readonly note?: (line: string) => unknown;
}

export interface Losses extends Judged {
  readonly strikes: number;
}

const CALLERS = 20;
const BETWEEN_EVENTS_MS = 1_500;
const BACK_IN_ORDER_MS = 60_000;

/** Runs a load on Sentinel while its master is struck, and counts what was told and is not there afterwards. */
export async function runLosses(settings: LossSettings): Promise<Losses> {
  const { replicas, replicasToConfirm, events, seconds, seed, note = () => undefined } = settings;
  const set = await startSentinel({ replicas });
  const logger = pino({ level: process.env['TEST_LOG'] ?? 'silent' });
  const common = { redis: set.url, replicasToConfirm, logger };
  const workers = [0, 1].map(() => createWorker({ ...common, lockDurationMs: 2_000, stalledIntervalMs: 500 }));
  const producer = createProducer({ ...common, submitTimeoutMs: 3_000 });
  const close = async () => {
    await Promise.all([...workers.map((worker) => worker.close()), producer.close()]);
    await set.stop();
  };
  try {
    await Promise.all(workers.map((worker) => worker.ready()));
    const load = new ToldLoad(producer, 'told', CALLERS);
    const random = createRandom(seed);
    const endsAtMs = Date.now() + seconds * 1_000;
    let strikes = 0;
    for (; Date.now() < endsAtMs; strikes += 1) {
      await wait(BETWEEN_EVENTS_MS);
      const name = events[strikes % events.length]!;
      note(`${Date.now()} ${name} of ${(await set.master()).port}`);
      await EVENTS[name](set, random);
      note(`${Date.now()} ${name} is over`);
      await set.untilHealthy(BACK_IN_ORDER_MS);
      note(`${Date.now()} in order, master ${(await set.master()).port}`);
    }
    await load.stop();
    await set.untilHealthy(BACK_IN_ORDER_MS);
    return { strikes, ...(await load.judge((await set.master()).connection)) };
  } finally {
    await close();
  }
}
