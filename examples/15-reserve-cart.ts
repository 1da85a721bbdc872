import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

/** A cart of several articles: all of it is held and sold, or nothing. In a Cluster its keys share a hash tag. */
export async function run({ producer, key }: ExampleContext): Promise<Lesson> {
  const [lamps, bulbs, sales] = ['{shop}:lamp', '{shop}:bulb', '{shop}:sales'].map((name) => key(name)) as [
    string,
    string,
    string,
  ];
  await (await producer.inventory.restock({ key: lamps, quantity: 1 })).outcome();
  await (await producer.inventory.restock({ key: bulbs, quantity: 10 })).outcome();

  const hold = { reservation: 'cart-7', ttlSeconds: 600 };
  const held = await producer.submit({
    operation: 'transaction',
    params: {
      updates: [
        { operation: 'inventory.reserve', params: { key: lamps, quantity: 1, ...hold } },
        { operation: 'inventory.reserve', params: { key: bulbs, quantity: 4, ...hold } },
      ],
    },
  });
  const heldOutcome = await held.outcome();
  const paid = await producer.submit({
    operation: 'transaction',
    params: {
      updates: [
        { operation: 'inventory.confirm', params: { key: lamps, reservation: 'cart-7' } },
        { operation: 'inventory.confirm', params: { key: bulbs, reservation: 'cart-7', quantity: 3 } },
        { operation: 'counter.increment', params: { key: sales } },
      ],
    },
  });
  const paidOutcome = await paid.outcome();

  return {
    title: 'Hold and sell a cart, all or nothing',
    steps: [
      { did: 'reserve 1 lamp and 4 bulbs for cart-7', answer: heldOutcome.status },
      { did: 'confirm the lamp and 3 bulbs, count the sale', answer: paidOutcome },
    ],
  };
}

await runAlone(import.meta, run);
