import { setTimeout as wait } from 'node:timers/promises';
import type { Producer } from '../../../src/index.js';
import type { Order } from '../../../examples/shop/orders.js';
import { createRandom } from '../../faults/random.js';

const ARTICLES = ['stock:lamp', 'stock:bulb', 'stock:cable', 'stock:plug'] as const;

const LITTLE = 4;

export interface Delivery {
  readonly id: string;
  readonly key: string;
  readonly quantity: number;
}

/** Orders until it is stopped, one after the other, each until it was accepted; now and then one twice. */
export async function buy(
  url: string,
  buyer: string,
  seed: number,
  accepted: Map<string, Order>,
  stopped: AbortSignal,
): Promise<void> {
  const random = createRandom(seed);
  for (let nth = 0; !stopped.aborted; nth += 1) {
    const keys = random.shuffle([...ARTICLES]).slice(0, random.int(1, 2));
    const order = { id: `${buyer}-${nth}`, items: keys.map((key) => ({ key, quantity: random.int(1, 4) })) };
    await untilTrue(() => post(url, order));
    accepted.set(order.id, order);
    if (random.chance(20)) {
      await post(url, order);
    }
    await wait(random.int(20, 120));
  }
}

/** A client that has no answer sends the same again. */
async function post(url: string, order: Order): Promise<boolean> {
  try {
    const body = JSON.stringify(order);
    const { status } = await fetch(url, { method: 'POST', body, signal: AbortSignal.timeout(5_000) });
    return status === 202;
  } catch {
    return false;
  }
}

/** Brings goods of which there is little, until it is stopped: so stock rises above the level and falls below it again and again. */
export async function deliver(
  producer: Pick<Producer, 'inventory'>,
  stockOf: (key: string) => Promise<number>,
  seed: number,
  accepted: Map<string, Delivery>,
  stopped: AbortSignal,
): Promise<void> {
  const random = createRandom(seed);
  for (let nth = 0; !stopped.aborted; nth += 1) {
    await wait(random.int(20, 100));
    const delivery = { id: `delivery-${nth}`, key: random.pick([...ARTICLES]), quantity: random.int(5, 15) };
    if ((await stockOf(delivery.key).catch(() => Infinity)) > LITTLE) {
      continue;
    }
    const { id: idempotencyKey, key, quantity } = delivery;
    let sent: { outcome(options: { timeoutMs: number }): Promise<unknown> } | undefined;
    await untilTrue(async () => {
      sent = await producer.inventory.restock({ key, quantity }, { idempotencyKey }).catch(() => undefined);
      return sent !== undefined;
    });
    accepted.set(idempotencyKey, delivery);
    await sent?.outcome({ timeoutMs: 5_000 }).catch(() => undefined); // else it would bring more and more
  }
}

async function untilTrue(tryIt: () => Promise<boolean>): Promise<void> {
  while (!(await tryIt())) {
    await wait(200);
  }
}
