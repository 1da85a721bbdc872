import { expect, test } from 'vitest';
import { announceClock, announceWindow, CLOCK_STEP_MS } from '../../src/redis/announced.js';
import { toMs } from '../../src/redis/server-time.js';
import { luaSource } from '../../src/redis/lua-source.js';
import { place } from '../support/tally.js';

test('what is announced only ever rises, whoever announces less later', async () => {
  const here = place();
  const { client } = here;
  const announced = here.key('announced');

  for (const windowMs of [2_000, 5_000, 3_000]) {
    await announceWindow(client, announced, windowMs);
  }
  for (const nowMs of [1_700_000_000_001, 1_700_000_000_000]) {
    await announceClock(client, announced, nowMs);
  }

  expect(await client.zrange(announced, '0', '-1', 'WITHSCORES')).toEqual([
    ...['window-ms', '5000'],
    ...['clock-ms', '1700000000001'],
  ]);
});

test('the answer of TIME in ms is a whole number, from texts and from numbers', () => {
  expect(toMs(['1700000000', '999999'])).toBe(1_700_000_000_999);
  expect(toMs([1_700_000_000, 5])).toBe(1_700_000_000_000);
});

test('the script and the library agree on how far the announced time may lag', () => {
  expect(luaSource('apply')).toContain(`local CLOCK_STEP_MS = ${CLOCK_STEP_MS} `);
});
