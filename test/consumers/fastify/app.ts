import { fastify } from 'fastify';
import { createProducer } from 'tally';
import { startTally } from 'tally/testing';

const tally = await startTally();
const { redis } = tally;

const producer = createProducer({ redis });
const app = fastify();
app.addHook('onClose', () => producer.close());
app.post<{ Body: { order: string; item: { key: string; quantity: number } } }>('/sales', async ({ body }, reply) => {
  const sale = await producer.inventory.take({ ...body.item, whenShort: 'reject' }, { idempotencyKey: body.order });
  const outcome = await sale.outcome({ timeoutMs: 2_000 });
  return reply.code(outcome.status === 'applied' ? 200 : 409).send(outcome);
});

await tally.producer.inventory.restock({ key: 'stock:lamp', quantity: 1 });
await tally.drain();
const codes: number[] = [];
for (const order of ['order-1', 'order-1', 'order-2']) {
  const item = { key: 'stock:lamp', quantity: 1 };
  codes.push((await app.inject({ method: 'POST', url: '/sales', payload: { order, item } })).statusCode);
}
await app.close();
await tally.stop();
if (codes.join() !== '200,200,409') {
  throw new Error(codes.join());
}
