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
  const changedMind = await inventory.reserve({ key: lamps, quantity: 1, reservation: 'cart-4', ttlSeconds: 600 });
  await changedMind.outcome();
  const released = await inventory.release({ key: lamps, reservation: 'cart-4' });
  const releasedOutcome = await released.outcome();
  const extended = await inventory.extend({ key: lamps, reservation: 'cart-1', ttlSeconds: 900 });
  const extendedOutcome = await extended.outcome();
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
      { did: 'inventory.release stock:lamp for cart-4, which held 1', answer: releasedOutcome },
      { did: 'inventory.extend stock:lamp for cart-1 by ttlSeconds 900', answer: withoutTime(extendedOutcome) },
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
    ? { ...outcome, result: { ...outcome.result, expiresAt: '(as asked)' } }
    : outcome;
}

await runAlone(import.meta, run);
