import type { ProducerOrder } from '../messages.js';
import { pickTarget } from '../world.js';
import type { ProducerMember } from '../world.js';
import type { Nemesis } from './nemesis.js';

const ORDER_TIMEOUT_MS = 1_500;

async function follows(producer: ProducerMember, order: ProducerOrder): Promise<boolean> {
  const report = await producer.ask(order, 'done', ORDER_TIMEOUT_MS);
  return report?.report === 'done' && report.happened;
}

const sameKeyTwice: Nemesis = {
  name: 'producer: updates sent again, twice at once, with the same keys',
  weight: 5,
  act: ({ producers }, random) =>
    follows(pickTarget(random, producers), { order: 'same-key-twice', seed: random.seed() }),
};

const bothProducers: Nemesis = {
  name: 'producer: the same update with the same key from both',
  weight: 5,
  act: async ({ producers }, random) => {
    const order = { order: 'shared-update', seed: random.seed(), number: random.seed() } as const;
    const followed = await Promise.all(producers.map((producer) => follows(producer, order)));
    return followed.every(Boolean);
  },
};

const otherPayload: Nemesis = {
  name: 'producer: the same key for another update',
  weight: 5,
  act: ({ producers }, random) =>
    follows(pickTarget(random, producers), { order: 'other-payload', seed: random.seed() }),
};

const killed: Nemesis = {
  name: 'producer: kill -9 between submit and answer, then sent again',
  weight: 4,
  act: async ({ producers }, random) => {
    const producer = pickTarget(random, producers);
    if (!producer.isReady) {
      return false;
    }
    const death = producer.dies(ORDER_TIMEOUT_MS);
    producer.order({ order: 'die-after-submit' });
    return death;
  },
};

export const producerNemeses: readonly Nemesis[] = [sameKeyTwice, bothProducers, otherPayload, killed];
