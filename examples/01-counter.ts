import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

/** A counter that does not exist yet starts at 0. */
export async function run({ producer, key }: ExampleContext): Promise<Lesson> {
  const update = { key: key('visits'), by: 5 };

  const first = await producer.counters.increment(update); // Redis has the update
  const firstOutcome = await first.outcome(); // a worker has applied it

  const second = await producer.counters.increment(update);
  const secondOutcome = await second.outcome();

  return {
    title: 'Increment a counter by 5, twice',
    steps: [
      { did: 'counter.increment visits by 5', answer: firstOutcome },
      { did: 'counter.increment visits by 5', answer: secondOutcome },
    ],
  };
}

await runAlone(import.meta, run);
