import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

/** Where others write too: set a value only if it is still the one that you have seen. */
export async function run({ producer, redis, key }: ExampleContext): Promise<Lesson> {
  const price = key('price:lamp');

  await (await producer.counters.set({ key: price, value: 1900 })).outcome();
  const mine = await producer.counters.set({ key: price, value: 1700, expected: 1900 });
  const mineOutcome = await mine.outcome();
  const yours = await producer.counters.set({ key: price, value: 1800, expected: 1900 });
  const yoursOutcome = await yours.outcome();
  const removal = await producer.counters.remove({ key: price, expected: 1700 });
  const removalOutcome = await removal.outcome();

  return {
    title: 'Set a value only if it is what you have seen',
    steps: [
      { did: 'counter.set price:lamp value 1700, expected 1900', answer: mineOutcome },
      { did: 'counter.set price:lamp value 1800, expected 1900', answer: yoursOutcome },
      { did: 'counter.remove price:lamp, expected 1700', answer: removalOutcome },
      { did: 'GET price:lamp', answer: await redis.get(price) },
    ],
  };
}

await runAlone(import.meta, run);
