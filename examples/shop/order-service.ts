/**
 * An order service. It notes an order, has Tally take the goods from stock, and hears what came of it:
 *
 *     PORT=8080 npx tsx examples/shop/order-service.ts orders.jsonl
 *     curl -d '{"id":"4711","items":[{"key":"stock:lamp","quantity":2}]}' http://127.0.0.1:8080/orders
 *     curl http://127.0.0.1:8080/orders/4711
 *
 * Kill it whenever you like: an order that it answered with 202 is noted, and taken from stock once.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { z } from 'zod';
import { createProducer, createSubscriber } from '../../src/index.js';
import { Journal } from './journal.js';
import { orderIdOf, Orders } from './orders.js';
import type { Line } from './orders.js';
import { tallySettings, untilStopped } from '../settings.js';

const [, , path = 'orders.jsonl'] = process.argv;
const settings = tallySettings();
const producer = createProducer(settings);
const orders = new Orders(new Journal<Line>(path), producer);
orders.resume();

const subscriber = createSubscriber({
  ...settings,
  group: 'orders',
  start: 'beginning',
  takeOverAfterMs: 5_000,
  filter: { operations: ['inventory.takeAll'] },
  onOutcome: ({ data }) => {
    const id = orderIdOf(data.idempotencyKey);
    if (id !== undefined) {
      orders.ended(id, data);
    }
  },
  onGap: () => {
    orders.resume(); // what can't be heard any more is asked for
  },
});

const orderSchema = z.strictObject({
  id: z.string().min(1).max(100),
  items: z.array(z.strictObject({ key: z.string().min(1), quantity: z.int().min(1) })).min(1),
});

async function answer(request: IncomingMessage): Promise<[status: number, body?: object]> {
  const { method, url = '' } = request;
  if (method === 'POST' && url === '/orders') {
    const { data: order } = orderSchema.safeParse(await json(request));
    return order === undefined ? [422] : [orders.place(order) ? 202 : 409];
  }
  const found = orders.find(decodeURIComponent(url.replace(/^\/orders\//, '')));
  return found === undefined ? [404] : [200, found];
}

const server = createServer((request, response) => {
  void answer(request)
    .catch(() => [400] as const)
    .then(([status, body]) => {
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(body && JSON.stringify(body));
    });
}).listen(Number(process.env['PORT'] ?? 0), '127.0.0.1');
await once(server, 'listening');
const stopped = untilStopped(); // before it says that it is there
console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/orders`);

await stopped;
server.close();
await Promise.all([subscriber.close(), producer.close()]);
process.exit(0); // an order may be waiting for Redis: the next start goes on with it
