import { pino } from 'pino';
import { createProducer, QueueUnavailableError } from '../src/index.js';
import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

/** A port of this machine on which nothing listens, so Redis is away. */
const NOBODY = 'redis://127.0.0.1:1';

/** After a QueueUnavailableError the update may or may not be queued: send it again with the same key. */
export async function run({ producer, redis, key }: ExampleContext): Promise<Lesson> {
  const order = { key: key('orders') };
  const options = { idempotencyKey: key('order-81') };

  const failure = await sendWhileAway(order, options);

  // Redis is back. Twice, as a client would that does not trust the first answer.
  const resent = await producer.counters.increment(order, options);
  const resentOutcome = await resent.outcome();
  const resentAgain = await producer.counters.increment(order, options);
  const resentAgainOutcome = await resentAgain.outcome();

  return {
    title: 'Send an update while Redis is away, and again when it is back',
    steps: [
      { did: 'counter.increment orders (order-81), Redis away', answer: failure },
      { did: 'counter.increment orders (order-81)', answer: resentOutcome },
      { did: 'counter.increment orders (order-81)', answer: resentAgainOutcome },
      { did: 'GET orders', answer: await redis.get(order.key) },
    ],
  };
}

async function sendWhileAway(order: { key: string }, options: { idempotencyKey: string }): Promise<Error> {
  // The error says it all, so the log may be silent here.
  const away = createProducer({ redis: NOBODY, submitTimeoutMs: 500, logger: pino({ level: 'silent' }) });
  try {
    await away.counters.increment(order, options);
  } catch (error) {
    if (error instanceof QueueUnavailableError) {
      return error;
    }
    throw error;
  } finally {
    await away.close();
  }
  throw new Error(`something answers at ${NOBODY}`);
}

await runAlone(import.meta, run);
