import { outcomeMatchers, startTally } from 'tally/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

expect.extend(outcomeMatchers);

let tally;
beforeAll(async () => {
  tally = await startTally();
}, 60_000);
afterAll(() => tally.stop(), 60_000);

test('stock is never sold twice', async () => {
  const { inventory } = tally.producer;
  await inventory.restock({ key: 'stock:lamp', quantity: 1 });
  const take = async () => (await inventory.take({ key: 'stock:lamp', quantity: 1, whenShort: 'reject' })).outcome();
  expect(await take()).toBeApplied({ available: 0, taken: 1 });
  expect(await take()).toBeRejected('INSUFFICIENT_STOCK');
  await tally.drain();
}, 60_000);
