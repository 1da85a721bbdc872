import { describe, expect, test } from 'vitest';
import { luaSource } from '../../src/redis/lua-source.js';
import { createRegistry, withHistory } from '../../src/operations/registry.js';
import { checkUpdates } from '../../src/operations/update.js';
import { createKeys, DEFAULT_NAMESPACE } from '../../src/redis/keys.js';
import { NO_SLOT, slotOf, tagOf } from '../../src/redis/slots.js';
import { SlotGroup } from '../../src/layout/split-receipts.js';
import { WholeReceipts } from '../../src/layout/whole-receipts.js';
import { buildCrossSlotCall, buildScriptCall } from '../../src/workers/script-call.js';
import type { CallSettings } from '../../src/workers/script-call.js';

const whole = new WholeReceipts();

/** What the head of the script says of the parts of something in the request. */
function documentedOf(part: string): string[] {
  const [, lines = ''] =
    new RegExp(`^-- request\\.${part} .*\\n((?:-- {3}.*\\n)+)`, 'm').exec(luaSource('apply')) ?? [];
  return [...lines.matchAll(/^-- {3}((?:\.\w+,? )+)/gm)].flatMap(([, names = '']) => names.match(/\w+/g) ?? []);
}

describe('the call of the frame', () => {
  const keys = createKeys(DEFAULT_NAMESPACE);
  const context = {
    registry: createRegistry([withHistory('scores.add', 3)]),
    isReservedKey: keys.isReserved,
    slotOf: () => NO_SLOT,
  };
  const entries = [
    { key: 'string 1', by: 1 },
    { key: 'hash', field: 'f', by: 2 },
    { key: 'zset', member: 'm', by: 3 },
    { key: 'string 2', by: 4 },
    { key: 'hash', field: 'g', by: 5 },
  ];
  const updates = checkUpdates(
    [
      { operation: 'scores.add', params: { entries }, idempotencyKey: 'k' },
      { operation: 'scores.add', params: { entries: entries.slice(3, 4) } },
    ],
    context,
  );
  const name = { prefix: 'tally-queues', queue: 'scores', jobId: 'job' };
  const settings: CallSettings = {
    otherName: { ...name, addedAtMs: 10 },
    name,
    form: 2,
    digest: 'Digest-0',
    stamp: { sentAtMs: 8, windowMs: 7 },
    ranBefore: false,
    leaseMs: 5,
    clockMs: 4,
    lockDurationMs: 6,
    leastWindowMs: 9,
    keys,
  };
  const call = buildScriptCall(whole.groups(updates)[0], { ...settings, ranBefore: true });
  const request = JSON.parse(call.args[1]) as Record<string, unknown>;

  test('names the receipt, cells by kind, idempotency receipts, histories and the rest, in this order', () => {
    expect(call.keys).toEqual([
      ...['tally:job:tally-queues:scores:job', 'string 1', 'string 2', 'hash', 'zset', 'tally:idem::scores.add:k'],
      ...[0, 3, 1, 4, 2].map((n) => keys.history(entries[n]!, NO_SLOT)),
      ...['tally:announced', 'tally:job:tally-queues:scores:job:10'],
    ]);
    expect([call.args[0], call.args[2]]).toEqual([5, 'tally/2 Digest-0 ']);
  });

  test('holds the request that the head of lua/apply.lua documents, and nothing else', () => {
    const documented = [...luaSource('apply').matchAll(/^-- request\.(\w+)/gm)].map(([, name]) => name);
    const [[hashIndex, [f, g], fields]] = request['hashes'] as [[number, [number, number], string[]]];
    const [zset] = request['sortedSets'] as [[number, [number], string[]]];

    expect([...Object.keys(request), 'part', 'steps', 'refused', 'slots', 'told'].sort()).toEqual(
      [...documented].sort(),
    );
    expect(request).toHaveProperty('hashes.length', 1);
    expect([hashIndex, fields, zset[0], zset[2]]).toEqual([4, ['f', 'g'], 5, ['m']]);
    expect(request).toMatchObject({
      strings: 2,
      form: 2,
      sentAtMs: 8,
      windowMs: 7,
      leastWindowMs: 9,
      leaseLengthMs: 6,
      ranBefore: true,
      applyUntilMs: 8 + (400 * 24 - 1) * 3_600_000,
      receiptSeconds: 400 * 24 * 3600,
      announced: 12,
      otherReceipt: 13,
      updates: 2,
      shapes: [
        { operation: 'scores.add', cells: 5, args: 5, ttl: false },
        { operation: 'scores.add', cells: 1, args: 1, ttl: false },
      ],
      shapeOfStep: [1, 2],
      cells: [1, f, zset[1][0], 2, g, 2],
      args: [1, 2, 3, 4, 5, 4],
      keyed: {
        updates: [1],
        firstKey: 6,
        fingerprints: [expect.any(String)],
        slots: [slotOf('string 1')],
        idHead: 'job.',
        idTails: [0],
      },
      history: { firstKey: 7, entries: 3, lifeSeconds: 30 * 24 * 3600, source: 'job scores.add' },
    });
  });

  test('says all of a history that the head of lua/apply.lua documents, and nothing else', () => {
    expect(Object.keys(request['history'] as object)).toEqual(documentedOf('history'));
  });

  test('says for each cell how long its history is when they differ', () => {
    const registry = createRegistry([withHistory('counter.increment', 3), withHistory('xp.award', 4)]);
    const inner = (operation: string, params: object) => ({ operation, params: { key: 'n', ...params } });
    const transaction = {
      operation: 'transaction',
      params: {
        updates: [
          inner('xp.award', { key: 'h', field: 'f', amount: 1 }),
          inner('inventory.restock', { key: 'none', quantity: 1 }),
          inner('xp.award', { amount: 1 }),
          inner('counter.increment', {}),
        ],
      },
    };
    const checked = checkUpdates([transaction], { ...context, registry });
    const { keys: all, args } = buildScriptCall(whole.groups(checked)[0], settings);

    expect(JSON.parse(args[1])).toMatchObject({ history: { entries: [false, 4, 4], source: 'job transaction' } });
    expect(all.slice(-4, -1)).toEqual(
      [{ key: 'none' }, { key: 'n' }, { key: 'h', field: 'f' }].map((cell) => keys.history(cell, NO_SLOT)),
    );
  });

  test('says nothing of hashes, sorted sets, idempotency keys, steps and histories when the job has none', () => {
    const one = checkUpdates([{ operation: 'counter.increment', params: { key: 'n' } }], context);
    const { args } = buildScriptCall(whole.groups(one)[0], settings);

    expect(Object.keys(JSON.parse(args[1]) as object)).toEqual([
      'strings',
      'updates',
      'shapes',
      'cells',
      'args',
      'applyUntilMs',
      'leaseLengthMs',
      'receiptSeconds',
      'announced',
      'clockMs',
    ]);
  });

  test('says so when the job has more updates in other slots, and names the updates by their places in the job', () => {
    const group = new SlotGroup(5, updates.slice(0, 1), [7]);
    const { keys: all, args } = buildScriptCall(group, settings);

    expect(JSON.parse(args[1])).toMatchObject({
      part: true,
      keyed: { updates: [1], slots: [5], idHead: 'job.', idTails: [7] },
    });
    expect(all[0]).toBe(keys.jobReceipt(name, 5));
    expect(all).toContain(keys.idempotencyReceipt({ owner: '', operation: 'scores.add', key: 'k' }, 5));
    expect(all).toContain(keys.announced(5));
  });

  test('numbers keyed updates over all slots of a master, with their receipts one after the other', () => {
    const keyed = ['a', 'b', 'c', 'd'].map((key) => ({
      operation: 'scores.add',
      params: { entries: [{ key, by: 1 }] },
      ...(key !== 'b' && { idempotencyKey: key }),
    }));
    const [a, b, c, d] = checkUpdates(keyed, context);
    const groups = [new SlotGroup(5, [b!, a!], [4, 2]), new SlotGroup(6, [c!, d!], [0, 3])] as const;
    const { keys: routedBy, args } = buildCrossSlotCall(groups, settings, () => 4);
    const [, text, , ...others] = args;
    const request = JSON.parse(text) as { keyed: { firstKey: number }; slots: unknown };

    expect(request).toMatchObject({
      updates: 4,
      keyed: { updates: [2, 3, 4], slots: [5, 6, 6], idHead: 'job.', idTails: [2, 0, 3] },
      slots: {
        tags: [5, 6].map(tagOf).join(','),
        updates: [2, 2],
        clocksMs: [4, 4],
        receipt: ['tally:{', '}:job:tally-queues:scores:job'],
        announced: ['tally:{', '}:announced'],
      },
    });
    expect(routedBy).toEqual([keys.jobReceipt(name, 5)]);
    const first = request.keyed.firstKey - 1;
    expect([...routedBy, ...others].slice(first, first + 3)).toEqual(
      [5, 6, 6].map((slot, n) => keys.idempotencyReceipt({ owner: '', operation: 'scores.add', key: 'acd'[n]! }, slot)),
    );
  });

  test('of several slots it has the names that keys have there, and says nothing that is usual', () => {
    const [a, b] = checkUpdates(
      ['a', 'b'].map((key) => ({ operation: 'scores.add', params: { entries: [{ key, by: 1 }] } })),
      context,
    );
    const groups = [new SlotGroup(5, [a!], [0]), new SlotGroup(16_383, [b!], [1])] as const;
    const slotsOf = (change: Partial<CallSettings>, clockMs?: number) =>
      (
        JSON.parse(
          buildCrossSlotCall(groups, { ...settings, ...change }, (slot) => (slot === 5 ? clockMs : undefined)).args[1],
        ) as {
          slots: Record<string, unknown>;
        }
      ).slots;
    const all = slotsOf({ ranBefore: true, name: { ...name, addedAtMs: 3 } }, 4) as Record<string, [string, string]>;

    expect(Object.keys(slotsOf({}))).toEqual(['tags', 'receipt', 'announced']);
    expect(all['clocksMs']).toEqual([4, false]);
    expect(Object.keys({ ...all, updates: [] }).sort()).toEqual([...documentedOf('slots')].sort());
    for (const slot of [5, 16_383]) {
      const inSlot = ([before, after]: [string, string]) => before + tagOf(slot) + after;
      expect([inSlot(all['receipt']!), inSlot(all['other']!), inSlot(all['announced']!)]).toEqual([
        keys.jobReceipt({ ...name, addedAtMs: 3 }, slot),
        keys.jobReceipt(settings.otherName!, slot),
        keys.announced(slot),
      ]);
    }
  });

  test('says which updates this worker can not apply, and has no steps and no receipts for them', () => {
    const { operation: _operation, steps: _steps, ...held } = updates[0]!;
    const [group] = whole.groups([{ ...held, refusal: '?NOPERM,1' }, updates[1]!]);
    const { keys: all, args } = buildScriptCall(group, settings);

    const { keyed, ...request } = JSON.parse(args[1]) as Record<string, unknown>;
    expect(request).toMatchObject({ refused: [[1, '?NOPERM,1']], updates: 2, cells: [1], args: [4] });
    expect(request['shapes']).toEqual([{ operation: 'scores.add', cells: 1, args: 1, ttl: false }]);
    expect(keyed).toBeUndefined();
    expect(all).toEqual([
      keys.jobReceipt(name, NO_SLOT),
      'string 2',
      keys.history({ key: 'string 2' }, NO_SLOT),
      keys.announced(NO_SLOT),
    ]);
  });

  test('names the steps of each transaction', () => {
    const increment = { operation: 'counter.increment', params: { key: 'n' } };
    const transactions = [2, 3].map((steps) => ({
      operation: 'transaction',
      params: { updates: Array<typeof increment>(steps).fill(increment) },
    }));
    const checked = checkUpdates(transactions, context);
    const { args } = buildScriptCall(whole.groups(checked)[0], settings);

    expect(JSON.parse(args[1])).toMatchObject({
      steps: [2, 3],
      updates: 2,
      shapes: [{ operation: 'counter.increment', cells: 1, args: 2, ttl: false }],
    });
  });

  test('names each shape once, also when steps of several take turns', () => {
    const inner = (operation: string, params: object) => ({ operation, params: { key: 'n', ...params } });
    const plain = inner('counter.increment', {});
    const expiring = inner('counter.increment', { ttlSeconds: 60 });
    const award = inner('xp.award', { amount: 1 });
    const transaction = { operation: 'transaction', params: { updates: [plain, expiring, plain, award, award] } };
    const { args } = buildScriptCall(whole.groups(checkUpdates([transaction, transaction], context))[0], settings);

    expect(JSON.parse(args[1])).toMatchObject({
      steps: [5, 5],
      shapes: [
        { operation: 'counter.increment', cells: 1, args: 2, ttl: false },
        { operation: 'counter.increment', cells: 1, args: 2, ttl: 60 },
        { operation: 'xp.award', cells: 1, args: 1, ttl: false },
      ],
      shapeOfStep: [1, 2, 1, 3, 3, 1, 2, 1, 3, 3],
    });
  });
});
