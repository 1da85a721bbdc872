import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

/** Somebody has counted what lies in the shelf. Some of it is held by a customer who is about to pay. */
export async function run({ producer, redis, key }: ExampleContext): Promise<Lesson> {
  const { inventory } = producer;
  const mugs = key('stock:mug');
  await (await inventory.restock({ key: mugs, quantity: 20 })).outcome();
  await (await inventory.reserve({ key: mugs, quantity: 4, reservation: 'cart-7', ttlSeconds: 600 })).outcome();

  const counted = await inventory.count({ key: mugs, counted: 18, of: 'onHand' });
  const countedOutcome = await counted.outcome();

  // Two breakages were seen in the list of an hour ago, when 16 could be sold: the list is out of date.
  const outdated = await inventory.count({ key: mugs, counted: 14, of: 'available', expected: 16 });
  const outdatedOutcome = await outdated.outcome();

  const belowHeld = await inventory.count({ key: mugs, counted: 3, of: 'onHand' });
  const belowHeldOutcome = await belowHeld.outcome();

  return {
    title: 'Correct stock to what was counted',
    steps: [
      { did: 'inventory.count stock:mug 18 on hand, 4 of 20 are held', answer: countedOutcome },
      { did: 'GET stock:mug', answer: await redis.get(mugs) },
      { did: 'inventory.count stock:mug 14 available, expected 16', answer: outdatedOutcome },
      { did: 'inventory.count stock:mug 3 on hand', answer: belowHeldOutcome },
    ],
  };
}

await runAlone(import.meta, run);
