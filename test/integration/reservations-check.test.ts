import { expect, test } from 'vitest';
import { HoldCell } from '../../src/redis/cell.js';
import { createKeys } from '../../src/redis/keys.js';
import { tally } from '../support/command.js';
import { place, until } from '../support/tally.js';

test('tally inventory check finds what does not fit, and mends it', async () => {
  const here = place();
  const { client } = here;
  const environment = {
    REDIS_URL: here.redis,
    TALLY_NAMESPACE: here.namespace,
    TALLY_PREFIX: here.prefix,
  };
  const check = (...flags: string[]) => tally(environment, 'inventory', 'check', ...flags);
  await client.set(createKeys(here).overdueTurn, 'nobody'); // so that workers leave it as it is
  const { inventory } = here.producer();
  await here.worker();
  const stock = { key: here.key('stock'), field: 'lamp' };
  await client.hset(stock.key, stock.field, 10);
  for (const reservation of ['open', 'over', 'endless']) {
    await (await inventory.reserve({ ...stock, quantity: 2, reservation, ttlSeconds: 600 })).outcome();
  }
  const keyOf = (part: 'total' | 'quantity' | 'end') => createKeys(here).hold(new HoldCell(stock, part)).key;
  const right = await check();

  await client.incrby(keyOf('total'), 5);
  await client.zadd(keyOf('end'), 1, 'over');
  await client.zrem(keyOf('end'), 'endless');
  await client.zadd(keyOf('end'), 5, 'stray');
  const wrong = await check();
  const asJson = await check('--json');
  const held = await client.get(keyOf('total'));
  const mended = await check('--mend');

  expect(right).toMatchObject({ code: 0, stdout: '' });
  expect(right.stderr).toContain('Checked 1 stock with reservations: 0 not right.');
  expect(wrong.code).toBe(1);
  expect(wrong.stdout).toBe(
    `"${stock.key}" field "lamp": 11 held in all, but 6 by its reservations; 1 reservation without an end; ` +
      '1 end without a reservation; 1 reservation over and not given back\n',
  );
  expect(JSON.parse(asJson.stdout)).toMatchObject({ stock, held: 11, sum: 6, over: 1 });
  expect(held).toBe('11');
  expect(mended).toMatchObject({ code: 0, stdout: expect.stringContaining(': mended') as string });
  expect(mended.stderr).toContain('field "lamp": gave back 4; 8 available\n');
  expect(mended.stderr).toContain('1 not right, mended.');
  await until('what is over is back', async () => (await client.hget(stock.key, stock.field)) === '8');
  expect(await client.hgetall(keyOf('quantity'))).toEqual({ open: '2' });
  expect(await client.get(keyOf('total'))).toBe('2');
  expect(await client.zrange(keyOf('end'), '0', '-1')).toEqual(['open']);
  expect(await check()).toMatchObject({ code: 0 });
});

test('tally inventory reservations prints what is held, page by page, and says what it does not take', async () => {
  const here = place();
  const environment = { REDIS_URL: here.redis, TALLY_NAMESPACE: here.namespace, TALLY_PREFIX: here.prefix };
  const stock = { key: here.key('stock'), field: 'lamp' };
  const list = (...flags: string[]) =>
    tally(environment, 'inventory', 'reservations', stock.key, '--field', stock.field, ...flags);
  await here.client.hset(stock.key, stock.field, 10);
  const { inventory } = here.producer();
  await here.worker();
  for (const [reservation, ttlSeconds] of [
    ['later', 900],
    ['soon', 600],
  ] as const) {
    await (await inventory.reserve({ ...stock, quantity: 2, reservation, ttlSeconds })).outcome();
  }

  const all = await list();
  expect(all.code).toBe(0);
  expect(all.stdout).toMatch(/^soon 2 until \d{4}-\S+Z\nlater 2 until \d{4}-\S+Z\n4 held by 2 reservations\n$/);
  const page = await list('--limit', '1', '--offset', '1', '--json');
  expect(JSON.parse(page.stdout)).toMatchObject({ held: 4, total: 2, reservations: [{ reservation: 'later' }] });
  const refused = await list('--limit', 'x');
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('limit') as string });
});

test('tally inventory check --mend gives back what 4,500 reservations hold that are over', async () => {
  const here = place();
  const { client } = here;
  const keys = createKeys(here);
  const stock = { key: here.key('stock') };
  const keyOf = (part: 'total' | 'quantity' | 'end') => keys.hold(new HoldCell(stock, part)).key;
  const names = Array.from({ length: 4_500 }, (_, number) => `cart-${number}`);
  await client.set(keys.overdueTurn, 'nobody'); // so that workers leave it as it is
  await client.set(stock.key, 7);
  await client.set(keyOf('total'), 4_500);
  await client.hset(keyOf('quantity'), ...names.flatMap((name) => [name, 1]));
  await client.zadd(keyOf('end'), ...names.slice(0, 4_400).flatMap((name) => [1, name])); // and 100 without an end
  await here.worker();

  const environment = { REDIS_URL: here.redis, TALLY_NAMESPACE: here.namespace, TALLY_PREFIX: here.prefix };
  const mended = await tally(environment, 'inventory', 'check', '--mend');

  expect(mended.stdout).toContain(
    '100 reservations without an end; 4,400 reservations over and not given back: mended',
  );
  expect(mended.stderr).toContain('gave back 4500; 4507 available\n');
  expect(mended.code).toBe(0);
  expect(await client.get(stock.key)).toBe('4507');
  expect(await client.exists(keyOf('total'), keyOf('quantity'), keyOf('end'))).toBe(0);
});
