import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

/** A condition that does not hold is an answer, not an error: the outcome is `rejected` and nothing changes. */
export async function run({ producer, redis, key }: ExampleContext): Promise<Lesson> {
  const tickets = key('tickets');
  const requests = key('requests:ada');
  const attempts = key('attempts:ada');

  await (await producer.inventory.restock({ key: tickets, quantity: 2 })).outcome();
  const order = await producer.inventory.take({ key: tickets, quantity: 3, whenShort: 'reject' });
  const orderOutcome = await order.outcome();

  const eight = await producer.counters.increment({ key: requests, by: 8, max: 10 });
  const eightOutcome = await eight.outcome();
  const fiveMore = await producer.counters.increment({ key: requests, by: 5, max: 10 });
  const fiveMoreOutcome = await fiveMore.outcome();
  const upToTen = await producer.counters.increment({ key: requests, by: 5, max: 10, whenOver: 'saturate' });
  const upToTenOutcome = await upToTen.outcome();

  // Five attempts to sign in; a quarter of an hour without any is forgiven, as each one sets the life of the counter anew.
  const attempt = await producer.counters.increment({ key: attempts, max: 5, ttlSeconds: 900, renewTtl: true });
  const attemptOutcome = await attempt.outcome();

  return {
    title: 'Change a value only if a condition holds',
    steps: [
      { did: 'inventory.take tickets quantity 3 of 2, or nothing', answer: orderOutcome },
      { did: 'GET tickets', answer: await redis.get(tickets) },
      { did: 'counter.increment requests:ada by 8, max 10', answer: eightOutcome },
      { did: 'counter.increment requests:ada by 5, max 10', answer: fiveMoreOutcome },
      { did: 'the same with whenOver "saturate"', answer: upToTenOutcome },
      { did: 'GET requests:ada', answer: await redis.get(requests) },
      { did: 'counter.increment attempts:ada, max 5, ttlSeconds 900, renewTtl', answer: attemptOutcome },
      { did: 'TTL attempts:ada', answer: `${Math.ceil((await redis.ttl(attempts)) / 60)} minutes` },
    ],
  };
}

await runAlone(import.meta, run);
