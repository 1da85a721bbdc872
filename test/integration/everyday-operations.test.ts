import { htmlUnescape } from 'escape-goat';
import { expect, test } from 'vitest';
import { withHistory } from '../../src/operations/registry.js';
import { startDashboard } from '../support/dashboard.js';
import { startApi } from '../support/http-api.js';
import { place } from '../support/tally.js';

test('values are set, removed, counted, taken and kept, each once, however often they are sent', async () => {
  const here = place();
  await here.worker();
  const { counters, inventory, xp, scores } = here.producer();
  const [likes, stock, player, board] = ['likes', 'stock', 'xp', 'board'].map((name) => here.key(name)) as [
    string,
    string,
    string,
    string,
  ];
  const sendings = [
    () => counters.set({ key: likes, value: 5, expected: null }, { idempotencyKey: 'set' }),
    () => counters.set({ key: likes, value: 6, expected: 4 }, { idempotencyKey: 'set again' }),
    () => counters.increment({ key: likes, by: 9, max: 8, whenOver: 'saturate' }, { idempotencyKey: 'fill' }),
    () => counters.remove({ key: likes, expected: 8 }, { idempotencyKey: 'remove' }),
    () => inventory.count({ key: stock, counted: 12, of: 'onHand' }, { idempotencyKey: 'count' }),
    () => xp.take({ key: player, amount: 30, levels: [1, 10] }, { idempotencyKey: 'take' }),
    () => scores.best({ key: board, member: 'ada', value: 7 }, { idempotencyKey: 'best' }),
  ];
  await here.client.set(player, 20);

  const first = [];
  for (const send of sendings) {
    first.push(await (await send()).outcome());
  }
  await here.client.mset(likes, 1, stock, 1, player, 1);
  const again = [];
  for (const send of sendings) {
    again.push(await (await send()).outcome());
  }

  expect(first).toMatchObject([
    { status: 'applied', result: { value: 5, previous: null } },
    { status: 'rejected', reason: 'CHANGED', found: 5 },
    { status: 'applied', result: { value: 8, applied: 3 } },
    { status: 'applied', result: { removed: true, previous: 8 } },
    { status: 'applied', result: { available: 12, held: 0, difference: 12 } },
    { status: 'applied', result: { xp: 0, taken: 20, level: 0, leveledDown: true } },
    { status: 'applied', result: { value: 7, improved: true } },
  ]);
  expect(again).toEqual(first.map((outcome) => ({ ...outcome, duplicate: true })));
  expect(await here.client.mget(likes, stock, player)).toEqual(['1', '1', '1']);
});

test('over HTTP and as an event the same, with what was found in place of what was expected', async () => {
  const here = place();
  await here.worker();
  const { post, get } = await startApi(here);
  const key = here.key('n');

  const { body } = await post('/v1/updates?wait=10000', [
    { operation: 'counter.set', params: { key, value: 5 } },
    { operation: 'counter.set', params: { key, value: 6, expected: null } },
    {
      operation: 'transaction',
      params: {
        updates: [
          { operation: 'counter.remove', params: { key: here.key('other') } },
          { operation: 'counter.remove', params: { key: here.key('other'), expected: 3 } },
        ],
      },
    },
  ]);
  const event = { specversion: '1.0', id: '1', source: '/shop', type: 'tally.counter.remove', data: { key } };
  const removed = await post('/v1/events?wait=10000', event, { 'content-type': 'application/cloudevents+json' });

  expect(body.updates).toMatchObject([
    { status: 'applied', result: { value: 5, previous: null } },
    { status: 'rejected', reason: 'CHANGED', found: 5 },
    { status: 'rejected', reason: 'CHANGED', found: null, update: 1 },
  ]);
  expect(removed.body).toMatchObject({ updates: [{ status: 'applied', result: { removed: true, previous: 5 } }] });
  expect((await get(`/v1/cells?key=${encodeURIComponent(key)}`)).status).toBe(404);
});

test('a cell that was removed says so among its changes, and what is written to it later begins at 0', async () => {
  const operations = [withHistory('counter.set', 10), withHistory('counter.remove', 10)];
  const here = place();
  const { request } = await startDashboard(here, { operations });
  await here.worker({ operations });
  const { counters } = here.producer({ operations });
  const key = here.key('n');
  const page = async () => {
    const source = await (await request(`/ops/keys?${new URLSearchParams({ key }).toString()}`)).text();
    return htmlUnescape(source.replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ');
  };
  await (await counters.set({ key, value: 5 })).outcome();
  await (await counters.remove({ key })).outcome();

  const removed = await page();
  await here.client.set(key, 3);
  const anew = await page();

  expect(removed).toContain(`"${key}" does not exist`);
  expect(removed).toMatch(/counter\.remove -5 removed/);
  expect(removed).not.toContain('by something that keeps no history');
  expect(anew).toContain('From 0 to 3 by something that keeps no history.');
});
