import { setTimeout as wait } from 'node:timers/promises';
import { SETTLED_RECEIPT_MS } from '../settings.js';
import type { Nemesis } from './nemesis.js';

/** Jobs to choose from, newest first. */
const LOOK_AT = 200;

function retry(state: 'completed' | 'failed', weight: number): Nemesis {
  return {
    name: `operator: ${state} jobs retried`,
    weight,
    act: async ({ queues }, random) => {
      const queue = random.pick(queues as [(typeof queues)[number]]);
      const jobs = await queue.getJobs([state], 0, LOOK_AT);
      let retried = 0;
      for (const job of random.shuffle(jobs).slice(0, random.int(1, 5))) {
        try {
          await job.retry(state);
          retried += 1;
        } catch {
          // someone else retried it
        }
      }
      return retried > 0;
    },
  };
}

const pause: Nemesis = {
  name: 'operator: queue paused for longer than receipts live',
  weight: 2,
  act: async ({ queues }, random) => {
    const queue = random.pick(queues as [(typeof queues)[number]]);
    if (await queue.isPaused()) {
      return false;
    }
    await queue.pause();
    await wait(SETTLED_RECEIPT_MS + random.int(200, 1_000));
    await queue.resume();
    return true;
  },
};

export const operatorNemeses: readonly Nemesis[] = [retry('completed', 6), retry('failed', 4), pause];
