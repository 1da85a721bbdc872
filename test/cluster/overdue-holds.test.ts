import { expect, test } from 'vitest';
import { openQueue } from '../../src/jobs/queues.js';
import { slotOf } from '../../src/redis/slots.js';
import { place, until } from '../support/tally.js';

test('stock on every master is given back whose jobs somebody has removed by BullMQ alone', async () => {
  const here = place();
  const { client } = here;
  await here.worker();
  const { inventory } = here.producer();
  const stocks = Array.from({ length: 30 }, (_, number) => here.scattered(`stock:${number}`));
  expect(new Set(stocks.map((key) => client.masterOf(slotOf(key)))).size).toBe(client.masters().length);
  await Promise.all(stocks.map((key) => client.set(key, 10)));
  const held = stocks.map(async (key) => {
    const sent = await inventory.reserve({ key, quantity: 4, reservation: 'cart', ttlSeconds: 3 });
    return (await sent.outcome()).status;
  });
  expect(new Set(await Promise.all(held))).toEqual(new Set(['applied']));
  for (const { prefix } of here.layout.partitions) {
    const queue = openQueue('expiries', prefix, client, here.logger);
    await Promise.all((await queue.getDelayed()).map((job) => job.remove()));
    await queue.close();
  }
  expect(new Set(await Promise.all(stocks.map((key) => client.get(key))))).toEqual(new Set(['6']));

  await until('all is back', async () =>
    (await Promise.all(stocks.map((key) => client.get(key)))).every((value) => value === '10'),
  );
});
