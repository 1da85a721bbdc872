import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

/**
 * Several updates, all or nothing: a sale takes stock, awards the buyer XP and counts itself. The braces keep its keys
 * together in a Redis Cluster; one server does without.
 */
export async function run({ producer, redis, key }: ExampleContext): Promise<Lesson> {
  const [stock, xp, sales] = [key('{shop}:swords'), key('{shop}:buyer:xp'), key('{shop}:sales')];
  const sell = async (quantity: number) => {
    const sale = await producer.submit({
      operation: 'transaction',
      params: {
        updates: [
          // Without `reject`, too little stock would sell what is there.
          { operation: 'inventory.take', params: { key: stock, quantity, whenShort: 'reject' } },
          { operation: 'xp.award', params: { key: xp, amount: 20 } },
          { operation: 'counter.increment', params: { key: sales } },
        ],
      },
    });
    return sale.outcome();
  };

  await (await producer.inventory.restock({ key: stock, quantity: 5 })).outcome();

  return {
    title: 'Sell in one transaction, then fail to: nothing at all changes',
    steps: [
      { did: 'transaction: take 2 of 5, award 20 XP, count the sale', answer: await sell(2) },
      { did: 'transaction: take 4 of 3, award 20 XP, count the sale', answer: await sell(4) },
      { did: 'MGET stock, XP, sales', answer: (await redis.mget(stock, xp, sales)).join(', ') },
    ],
  };
}

await runAlone(import.meta, run);
