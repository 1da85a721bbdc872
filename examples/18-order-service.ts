import type { Outcome, Producer } from '../src/index.js';
import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

export interface Order {
  readonly id: string;
  readonly items: readonly { readonly key: string; readonly quantity: number }[];
}

/** The seed of a service that sells: stock and the count of sales change together, once for each order, or not at all. */
export class OrderService {
  constructor(
    private readonly producer: Pick<Producer, 'submit'>,
    private readonly salesKey: string,
  ) {}

  /** @returns `applied`; or `rejected`, with the articles that are short. Call it again with the same order as often as you like. */
  async place({ id, items }: Order): Promise<Outcome> {
    const submission = await this.producer.submit(
      {
        operation: 'transaction',
        params: {
          updates: [
            { operation: 'inventory.takeAll', params: { items: [...items] } },
            { operation: 'counter.increment', params: { key: this.salesKey } },
          ],
        },
      },
      { idempotencyKey: `order-${id}` },
    );
    return submission.outcome();
  }
}

/** An order that is sent twice counts once; one that can't be met changes nothing. */
export async function run({ producer, redis, key }: ExampleContext): Promise<Lesson> {
  // That of the examples knows an operation more, which this service has no use for.
  const orders = new OrderService(producer as unknown as Producer, key('{shop}:sales'));
  const lamps = { key: key('{shop}:stock:lamp') };
  await (await producer.inventory.restock({ ...lamps, quantity: 3 })).outcome();
  const order = { id: key('4711'), items: [{ ...lamps, quantity: 2 }] };
  return {
    title: 'A service that sells',
    steps: [
      { did: 'order 4711: 2 lamps of 3', answer: await orders.place(order) },
      { did: 'order 4711, sent again', answer: await orders.place(order) },
      { did: 'order 4712: 2 lamps of 1', answer: await orders.place({ ...order, id: key('4712') }) },
      { did: 'GET {shop}:stock:lamp', answer: await redis.get(lamps.key) },
      { did: 'GET {shop}:sales', answer: await redis.get(key('{shop}:sales')) },
    ],
  };
}

await runAlone(import.meta, run);
