import { setTimeout as wait } from 'node:timers/promises';
import type { CrashPoint } from '../../support/crash-points.js';
import { LOCK_DURATION_MS } from '../settings.js';
import { pickTarget } from '../world.js';
import type { Nemesis } from './nemesis.js';

/** How long to wait for a worker to come to the point where it is to be hit. */
const POINT_TIMEOUT_MS = 1_500;

/** From just past the lease to long enough for another worker to finish the job, and for its receipt to go. */
const SILENCE_MS = [LOCK_DURATION_MS + 200, 4_500] as const;

const CRASH_POINTS: readonly CrashPoint[] = [
  'before-script',
  'after-send',
  'after-reply',
  'before-completion',
  'after-completion',
];

function killAt(point: CrashPoint): Nemesis {
  return {
    name: `worker: kill -9 ${point}`,
    weight: 4,
    act: async ({ workers }, random) => {
      const worker = pickTarget(random, workers);
      if (!worker.isReady) {
        return false;
      }
      const death = worker.dies(POINT_TIMEOUT_MS);
      worker.order({ order: 'arm', deed: { at: point, deed: 'die' } });
      const died = await death;
      if (!died) {
        worker.order({ order: 'disarm' });
      }
      return died;
    },
  };
}

const blocked: Nemesis = {
  name: 'worker: event loop blocked past the lease',
  weight: 3,
  act: async ({ workers }, random) => {
    const worker = pickTarget(random, workers);
    const deed = { at: 'before-script', deed: 'block', ms: random.int(...SILENCE_MS) } as const;
    const reached = await worker.ask({ order: 'arm', deed }, 'reached', POINT_TIMEOUT_MS);
    if (reached === undefined) {
      worker.order({ order: 'disarm' });
      return false;
    }
    await wait(deed.ms);
    return true;
  },
};

const frozen: Nemesis = {
  name: 'worker: SIGSTOP past the lease, then SIGCONT',
  weight: 4,
  act: async ({ workers }, random) => {
    const worker = pickTarget(random, workers);
    const ms = random.int(...SILENCE_MS);
    if (random.chance(40)) {
      if (!worker.isReady) {
        return false;
      }
      worker.signal('SIGSTOP');
    } else {
      const deed = { at: 'before-script', deed: 'freeze' } as const;
      if ((await worker.ask({ order: 'arm', deed }, 'reached', POINT_TIMEOUT_MS)) === undefined) {
        // On a busy machine it may do it all the same, later, and would stand still for ever.
        worker.order({ order: 'disarm' });
        await wait(ms);
        worker.signal('SIGCONT');
        return false;
      }
    }
    await wait(ms);
    worker.signal('SIGCONT');
    return true;
  },
};

export const workerNemeses: readonly Nemesis[] = [...CRASH_POINTS.map(killAt), blocked, frozen];
