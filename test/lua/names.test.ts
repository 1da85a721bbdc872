import { describe, expect, test } from 'vitest';
import { createApplier } from '../support/script.js';
import { place } from '../support/tally.js';
import { CELL_KINDS, cellOf, stored } from './cells.js';

const NAMES: Record<string, string> = {
  'a space': 'a b',
  'only spaces': '   ',
  colons: 'user::42:',
  braces: 'a}{b}{}{c',
  'an emoji': 'crown 👑🏽 of 日本',
  quotes: `"it's"`,
  backslashes: 'C:\\new\\0 \\u0041',
  'NUL and control characters': '\u0000\u0001\u001f\u007f\u0085',
  'line breaks': 'a\r\nb\tc\u2028d',
  "the outcome text's own separators": 'a;b,c|d?e!f=g~h%s',
  "a Lua string's end": `]]'..redis.call("FLUSHALL")..'`,
  'combining characters': 'e\u0301 is not \u00e9',
  'a name of JavaScript': '__proto__',
  'an option of ZADD': 'NX',
  'a number': '00012',
};

describe.each(CELL_KINDS)('the name of a %s', (kind) => {
  test.each(Object.entries(NAMES))('may hold %s', async (_what, name) => {
    const here = place();
    const { applyOne, apply } = createApplier(here);
    const cell = cellOf(kind, here.key(name), name);
    const update = { operation: 'counter.increment', params: { ...cell, by: 2 } };

    await applyOne(update);
    await apply([update, update]);
    const cart = await applyOne({ operation: 'inventory.takeAll', params: { items: [{ ...cell, quantity: 1 }] } });

    expect(cart).toEqual({ status: 'applied', result: { items: [{ ...cell, available: 5 }] } });
    expect(await stored(here.client, cell)).toBe('5');
  });

  test('may be 512 bytes long', async () => {
    const here = place();
    const { applyOne } = createApplier(here);
    const key = here.key('é'.repeat(200));
    const cell = cellOf(kind, key + 'x'.repeat(512 - Buffer.byteLength(key)), '漢'.repeat(170) + 'xy');
    expect(Buffer.byteLength(cell.key)).toBe(512);

    await applyOne({ operation: 'counter.increment', params: { ...cell, by: 3 } });

    expect(await stored(here.client, cell)).toBe('3');
  });
});

test('keys that differ in case, spaces or Unicode form are different cells', async () => {
  const here = place();
  const { applyOne } = createApplier(here);
  const names = ['a', 'A', 'a ', ' a', 'a\u0000', 'e\u0301', '\u00e9'];

  await applyOne({
    operation: 'scores.add',
    params: { entries: names.map((name, index) => ({ key: here.key(name), by: index + 1 })) },
  });

  expect(await here.client.mget(names.map((name) => here.key(name)))).toEqual(['1', '2', '3', '4', '5', '6', '7']);
});

test('a field and a member are told apart from a key that looks like both joined', async () => {
  const here = place();
  const { applyOne } = createApplier(here);
  const entries = [
    { key: here.key('ab'), field: 'c', by: 1 },
    { key: here.key('a'), field: 'bc', by: 2 },
    { key: here.key('xy'), member: 'z', by: 3 },
    { key: here.key('x'), member: 'yz', by: 4 },
    { key: here.key('abc'), by: 5 },
  ];

  expect(await applyOne({ operation: 'scores.add', params: { entries } })).toMatchObject({ status: 'applied' });
  expect(await Promise.all(entries.map((cell) => stored(here.client, cell)))).toEqual(['1', '2', '3', '4', '5']);
});

test.each(['plain', 'with space', '{}', '👑', '\u0000', ';=~!?', 'k'.repeat(255)])(
  'an idempotency key may be %j',
  async (idempotencyKey) => {
    const here = place();
    const { applyOne } = createApplier(here);
    const update = { operation: 'counter.increment', params: { key: here.key('counter') }, idempotencyKey };

    expect(await applyOne(update)).toEqual({ status: 'applied', result: { value: 1, applied: 1 } });
    expect(await applyOne(update)).toEqual({ status: 'applied', result: { value: 1, applied: 1 }, duplicate: true });
  },
);
