import { setTimeout as wait } from 'node:timers/promises';
import type { Outcome } from '../src/index.js';
import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

/** Hold stock while somebody pays. What is neither confirmed nor released goes back by itself. */
export async function run({ producer, redis, key }: ExampleContext): Promise<Lesson> {
  const { inventory } = producer;
  const lamps = key('stock:lamp');
  await (await inventory.restock({ key: lamps, quantity: 5 })).outcome();

  const reserved = await inventory.reserve({ key: lamps, quantity: 2, reservation: 'cart-1', ttlSeconds: 600 });
  const reservedOutcome = await reserved.outcome();
  const tooMany = await inventory.reserve({ key: lamps, quantity: 4, reservation: 'cart-2', ttlSeconds: 600 });
  const tooManyOutcome = await tooMany.outcome();
  const sold = await inventory.confirm({ key: lamps, reservation: 'cart-1' });
  const soldOutcome = await sold.outcome();

  const forgotten = await inventory.reserve({ key: lamps, quantity: 3, reservation: 'cart-3', ttlSeconds: 1 });
  await forgotten.outcome();
  const whileHeld = await redis.get(lamps);
  while ((await redis.get(lamps)) === '0') {
    await wait(100);
  }
  const late = await inventory.confirm({ key: lamps, reservation: 'cart-3' });
  const lateOutcome = await late.outcome();

  return {
    title: 'Hold stock while somebody pays',
    steps: [
      { did: 'inventory.reserve stock:lamp quantity 2 for cart-1', answer: withoutTime(reservedOutcome) },
      { did: 'inventory.reserve stock:lamp quantity 4 for cart-2', answer: tooManyOutcome },
      { did: 'inventory.confirm stock:lamp for cart-1', answer: soldOutcome },
      { did: 'GET stock:lamp while 3 are held for cart-3', answer: whileHeld },
      { did: 'GET stock:lamp when the time of cart-3 is over', answer: await redis.get(lamps) },
      { did: 'inventory.confirm stock:lamp for cart-3', answer: lateOutcome },
    ],
  };
}

/** The end depends on when this runs. */
function withoutTime(outcome: Outcome<{ expiresAt: string }>): Outcome {
  return outcome.status === 'applied'
    ? { ...outcome, result: { ...outcome.result, expiresAt: '(in 10 minutes)' } }
    : outcome;
}

await runAlone(import.meta, run);
