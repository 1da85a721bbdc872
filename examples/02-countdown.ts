import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

/** Without `by`, one is subtracted. A counter may go below zero, unless `min` says otherwise. */
export async function run({ producer, key }: ExampleContext): Promise<Lesson> {
  const seats = key('seats');

  const opened = await producer.counters.increment({ key: seats, by: 10 });
  const openedOutcome = await opened.outcome();

  const booked = await producer.counters.decrement({ key: seats, by: 3 });
  const bookedOutcome = await booked.outcome();

  const bookedOne = await producer.counters.decrement({ key: seats });
  const bookedOneOutcome = await bookedOne.outcome();

  return {
    title: 'Decrement a counter',
    steps: [
      { did: 'counter.increment seats by 10', answer: openedOutcome },
      { did: 'counter.decrement seats by 3', answer: bookedOutcome },
      { did: 'counter.decrement seats', answer: bookedOneOutcome },
    ],
  };
}

await runAlone(import.meta, run);
