import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

/** However often an update is sent with the same idempotency key, it takes effect once. */
export async function run({ producer, redis, key }: ExampleContext): Promise<Lesson> {
  const coins = key('wallet:ada:coins');
  const buyCoins = async (by: number) => {
    const payment = await producer.counters.increment({ key: coins, by }, { idempotencyKey: key('payment-7031') });
    return payment.outcome();
  };

  return {
    title: 'Send the same idempotency key twice',
    steps: [
      { did: 'counter.increment wallet:ada:coins by 50 (payment-7031)', answer: await buyCoins(50) },
      { did: 'counter.increment wallet:ada:coins by 50 (payment-7031)', answer: await buyCoins(50) },
      { did: 'counter.increment wallet:ada:coins by 99 (payment-7031)', answer: await buyCoins(99) },
      { did: 'GET wallet:ada:coins', answer: await redis.get(coins) },
    ],
  };
}

await runAlone(import.meta, run);
