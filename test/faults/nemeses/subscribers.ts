import { setTimeout as wait } from 'node:timers/promises';
import type { Random } from '../random.js';
import type { World } from '../world.js';
import type { Nemesis } from './nemesis.js';

/** Past the time after which its events are taken over. */
const SILENCE_MS = [1_200, 3_000] as const;

/** Of whatever group. */
function oneOf([first, ...others]: World['subscribers'], random: Random): World['subscribers'][number] | undefined {
  return first && random.pick([first, ...others]);
}

const killed: Nemesis = {
  name: 'subscriber: kill -9',
  weight: 4,
  act: ({ subscribers }, random) => {
    const subscriber = oneOf(subscribers, random);
    const isHit = subscriber?.isReady === true;
    subscriber?.signal('SIGKILL');
    return Promise.resolve(isHit);
  },
};

const frozen: Nemesis = {
  name: 'subscriber: SIGSTOP until its events may be taken over, then SIGCONT',
  weight: 3,
  act: async ({ subscribers }, random) => {
    const subscriber = oneOf(subscribers, random);
    if (subscriber?.isReady !== true) {
      return false;
    }
    subscriber.signal('SIGSTOP');
    await wait(random.int(...SILENCE_MS));
    subscriber.signal('SIGCONT');
    return true;
  },
};

export const subscriberNemeses: readonly Nemesis[] = [killed, frozen];
