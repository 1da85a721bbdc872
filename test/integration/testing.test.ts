import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { energySpend } from '../../examples/energy-spend.js';
import { createProducer } from '../../src/index.js';
import { outcomeMatchers, startTally } from '../../src/testing/index.js';
import type { OutcomeMatchers, TestTally } from '../../src/testing/index.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';

declare module 'vitest' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type, @typescript-eslint/no-unused-vars -- merges
  interface Matchers<T> extends OutcomeMatchers {}
}

expect.extend(outcomeMatchers);

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

describe('a Tally for a test file', () => {
  let tally: TestTally<typeof energySpend>;
  beforeAll(async () => {
    tally = await startTally({ operations: [energySpend] });
  });
  afterAll(() => tally.stop());

  test('has a real Redis, a worker and operations of one’s own; drain waits for all that was submitted', async () => {
    const service = createProducer({ redis: tally.redis }); // the code under test has one of its own
    await Promise.all(Array.from({ length: 500 }, () => service.counters.increment({ key: 'visits' })));
    await service.counters.increment({ key: 'later' }, { delay: DAY_MS });
    await tally.drain();
    expect(await tally.reader.get([{ key: 'visits' }, { key: 'later' }])).toMatchObject([
      { value: 500 },
      { value: null },
    ]);
    await service.close();

    const spent = await tally.producer.submit({ operation: 'energy.spend', params: { key: 'visits', amount: 7 } });
    expect(await spent.outcome()).toBeApplied({ energy: 493 });
  });

  test('drain waits for queues that a producer has split, too', async () => {
    const service = createProducer({ redis: tally.redis, partitions: 3 });
    const keys = Array.from({ length: 300 }, (_, n) => `split-${n}`);
    await Promise.all(keys.map((key) => service.counters.increment({ key })));
    await tally.drain();
    const values = await tally.reader.get(keys.map((key) => ({ key })));
    expect(values.filter(({ value }) => value !== 1)).toEqual([]);
    await service.close();
  });

  test('its matchers tell outcomes apart, and say what was found', async () => {
    const { inventory, counters } = tally.producer;
    const short = await inventory.take({ key: 'lamps', quantity: 2, whenShort: 'reject' });
    const rejected = await short.outcome();
    expect(rejected).toBeRejected('INSUFFICIENT_STOCK');
    expect(rejected).not.toBeApplied();
    expect(rejected).not.toBeRejected('LIMIT_REACHED');
    const twice = async () => (await counters.increment({ key: 'sales' }, { idempotencyKey: 'order-1' })).outcome();
    const first = await twice();
    expect(first).toBeApplied({ value: 1, applied: 1 });
    expect(first).not.toBeDuplicate();
    expect(await twice()).toBeDuplicate();
    const failed = await (await counters.increment({ key: 'sales', field: 'a' })).outcome();
    expect(failed).toHaveFailed('WRONG_TYPE');
    expect(() => {
      expect(rejected).toBeApplied({ taken: 2 });
    }).toThrow(/should be applied with {"taken":2}, and is .*INSUFFICIENT_STOCK/);
  });

  test('its time can’t be moved unless that was asked for', async () => {
    await expect(tally.clock.advance(1)).rejects.toThrow('movableClock: true');
  });
});

test('drain says what is left where no worker runs', async () => {
  const tally = await startTally({ worker: false });
  try {
    await tally.producer.counters.increment({ key: 'visits' });
    await expect(tally.drain(50)).rejects.toThrow('not drained within 50 ms: counters has 1 waiting');
  } finally {
    await tally.stop();
  }
});

describe.runIf(process.platform === 'linux')('with a clock that can be moved', () => {
  let tally: TestTally;
  const { Date: rightDate } = globalThis;
  beforeAll(async () => {
    skipUnlessOneServer('it has a server of its own');
    tally = await startTally({ movableClock: true });
  });
  afterAll(async () => {
    await tally.stop();
    expect(globalThis.Date).toBe(rightDate);
  });
  const valueOf = async (key: string) => (await tally.reader.get([{ key }]))[0]?.value;

  test('a delay of a day passes at once, and no sooner', async () => {
    await tally.producer.counters.increment({ key: 'delayed' }, { delay: DAY_MS });
    await tally.clock.advance(DAY_MS - MINUTE_MS);
    await tally.drain();
    expect(await valueOf('delayed')).toBeNull();
    await tally.clock.advance(MINUTE_MS);
    await tally.drain();
    expect(await valueOf('delayed')).toBe(1);
  });

  test('a schedule runs, a reservation ends, and a bucket is that of its day', async () => {
    const { inventory, counters, schedules } = tally.producer;
    await schedules.put({
      id: 'nightly',
      everyMs: DAY_MS,
      update: { operation: 'counter.increment', params: { key: 'nights' } },
    });
    await tally.drain();
    const before = Number(await valueOf('nights'));
    await inventory.restock({ key: 'lamps', quantity: 3 });
    await inventory.reserve({ key: 'lamps', quantity: 2, reservation: 'cart-1', ttlSeconds: 600 });
    await counters.increment({ key: 'views', bucket: 'day' });
    await tally.drain();
    expect(await valueOf('lamps')).toBe(1);
    const day = () => new Date().toISOString().slice(0, 10);
    const [first] = [day()];

    await tally.clock.advance(DAY_MS);
    await tally.drain();
    expect(await valueOf('nights')).toBe(before + 1);
    expect(await valueOf('lamps')).toBe(3);
    await counters.increment({ key: 'views', bucket: 'day', by: 5 });
    await tally.drain();
    expect(day()).not.toBe(first);
    expect(await valueOf(`views:${first}`)).toBe(1);
    expect(await valueOf(`views:${day()}`)).toBe(5);
  });
});
