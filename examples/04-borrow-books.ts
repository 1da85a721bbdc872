import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

/** Stock never goes below zero: who wants more than there is gets what is there. */
export async function run({ producer, key }: ExampleContext): Promise<Lesson> {
  const copies = key('book:dune:copies');

  const bought = await producer.inventory.restock({ key: copies, quantity: 5 });
  const boughtOutcome = await bought.outcome();

  const borrowedTwo = await producer.inventory.take({ key: copies, quantity: 2 });
  const borrowedTwoOutcome = await borrowedTwo.outcome();

  const wantedFour = await producer.inventory.take({ key: copies, quantity: 4 });
  const wantedFourOutcome = await wantedFour.outcome();

  return {
    title: 'Borrow copies of a book',
    steps: [
      { did: 'inventory.restock book:dune:copies quantity 5', answer: boughtOutcome },
      { did: 'inventory.take book:dune:copies quantity 2', answer: borrowedTwoOutcome },
      { did: 'inventory.take book:dune:copies quantity 4', answer: wantedFourOutcome },
    ],
  };
}

await runAlone(import.meta, run);
