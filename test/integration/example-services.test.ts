import { afterAll, beforeAll, expect, test } from 'vitest';
import { OrderService } from '../../examples/18-order-service.js';
import { GameServer } from '../../examples/19-game-server.js';
import { Views } from '../../examples/20-blog-analytics.js';
import { outcomeMatchers, startTally } from '../../src/testing/index.js';
import type { TestTally } from '../../src/testing/index.js';

expect.extend(outcomeMatchers);

let tally: TestTally;
beforeAll(async () => {
  tally = await startTally({ movableClock: process.platform === 'linux' });
});
afterAll(() => tally.stop());

const valueOf = async (key: string) => (await tally.reader.get([{ key }]))[0]?.value;

test('an order counts once, and one that is short changes nothing', async () => {
  await tally.producer.inventory.restock({ key: 'stock:lamp', quantity: 3 });
  await tally.producer.inventory.restock({ key: 'stock:bulb', quantity: 10 });
  await tally.drain();
  const orders = new OrderService(tally.producer, 'sales');
  const items = [
    { key: 'stock:lamp', quantity: 2 },
    { key: 'stock:bulb', quantity: 4 },
  ];
  expect(await orders.place({ id: '1', items })).toBeApplied();
  expect(await orders.place({ id: '1', items })).toBeDuplicate();
  expect(await orders.place({ id: '2', items })).toBeRejected('INSUFFICIENT_STOCK');
  expect([await valueOf('stock:lamp'), await valueOf('stock:bulb'), await valueOf('sales')]).toEqual([1, 6, 1]);
});

test('of two services that sell the last lamp at once, one does', async () => {
  await tally.producer.inventory.restock({ key: 'stock:last', quantity: 1 });
  await tally.drain();
  const orders = new OrderService(tally.producer, 'last-sales');
  const items = [{ key: 'stock:last', quantity: 1 }];
  const ends = await Promise.all(['a', 'b'].map((id) => orders.place({ id, items })));
  expect(ends.map(({ status }) => status).sort()).toEqual(['applied', 'rejected']);
  expect(await valueOf('last-sales')).toBe(1);
});

test('a match that is reported twice counts once, for both players', async () => {
  const game = new GameServer(tally.producer, tally.reader, (name) => `game:${name}`);
  const match = { winner: 'ann', loser: 'bo' };
  expect(await game.ended({ id: '1', ...match })).toBe(0);
  expect(await game.ended({ id: '2', ...match })).toBe(1);
  expect(await game.ended({ id: '2', ...match })).toBe(1);
  await tally.drain();
  expect(await valueOf('game:xp:ann')).toBe(120);
  expect(await game.best(10)).toEqual(['1. ann 6', '2. bo -2']);
});

test('views count in all and by day', async () => {
  const views = new Views(tally.producer, tally.reader);
  await Promise.all([views.count('post'), views.count('post')]);
  await tally.drain();
  expect((await views.lastDays('post', 2)).at(-1)).toBe(2);
  if (process.platform === 'linux') {
    await tally.clock.advance(24 * 3_600_000);
    await views.count('post');
    await tally.drain();
    expect(await views.lastDays('post', 2)).toEqual([2, 1]);
  }
  expect(await valueOf('post:views')).toBe(process.platform === 'linux' ? 3 : 2);
});
