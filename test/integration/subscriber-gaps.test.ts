import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { checkSubscribers } from '../../src/doctor/check-subscribers.js';
import { createMetrics } from '../../src/index.js';
import type { Gap } from '../../src/index.js';
import { scrapeWith } from '../support/scrape.js';
import { increment, Listener, pendingOf, subscribe, telling } from '../support/subscribers.js';
import { place, until } from '../support/tally.js';
import { outcomeReader, streamKey } from '../support/told.js';

describe('a gap', () => {
  test('in what was removed before the group came to it is told, with how much is missing', async () => {
    const { here, submit } = await telling();
    const metrics = createMetrics({ redis: here.redis, namespace: here.namespace, prefix: here.prefix });
    onTestFinished(() => metrics.close());
    const listener = new Listener();
    const first = await subscribe(here, { onOutcome: listener.hear });
    await submit('a');
    await until('it is told', () => listener.told.length === 1);
    await first.close();
    for (const key of ['b', 'c', 'd', 'e']) {
      await submit(key);
    }
    await scrapeWith(metrics, 'tally_outcomes_lag_updates{group="g"} 4');
    await here.client.xtrim(await streamKey(here), 'MAXLEN', 1);
    const onGap = vi.fn((gap: Gap) => {
      listener.gaps.push(gap);
      if (listener.gaps.length === 1) {
        throw new Error('not now');
      }
    });
    await subscribe(here, { onOutcome: listener.hear, onGap });
    await until('it goes on', () => listener.told.length === 2 && listener.gaps.length === 2);
    expect(listener.told).toEqual(['a 1 applied', 'e 1 applied']);
    expect(listener.gaps[1]).toMatchObject({ lost: 3 });
    await submit('f');
    await until('the next is told', () => listener.told.length === 3);
    await wait(1_200);
    expect(onGap).toHaveBeenCalledTimes(2); // until somebody took note
    const text = await scrapeWith(metrics, 'tally_outcomes_lost_updates{group="g"} 3');
    expect(text).toContain('tally_outcomes_gaps{group="g"} 1');
    const masterOf = (slot: number) => ({ redis: here.client.masterOf(slot)!, address: '' });
    const nodes = here.client.masters().map((redis) => ({ redis, address: '' }));
    const said = await checkSubscribers({ nodes, findings: [], isCluster: here.client.isCluster, masterOf }, here);
    expect(said).toMatchObject([{ level: 'warning', message: expect.stringContaining('missed 3 updates') as string }]);
  });

  test('is told of the whole stream, when somebody deleted it; the group goes on', async () => {
    const { here, submit } = await telling();
    const listener = new Listener();
    await subscribe(here, { onOutcome: listener.hear, onGap: (gap) => listener.gaps.push(gap) });
    await submit('a');
    await until('it is told', () => listener.told.length === 1);
    await here.client.del(await streamKey(here));
    await submit('b');
    await until('it goes on', () => listener.told.length === 2);
    expect(listener.gaps).toEqual([{ from: expect.any(String) as string, to: expect.any(String) as string }]);
  });

  test('is told to a group that starts from a time, of what was removed since', async () => {
    const { here, submit } = await telling();
    for (const key of ['a', 'b', 'c']) {
      await submit(key);
    }
    const outcomes = await streamKey(here);
    const [[firstId]] = (await here.client.xrange(outcomes, '-', '+', 'COUNT', 1)) as [[string, string[]]];
    const start = new Date(parseInt(firstId));
    await here.client.xtrim(outcomes, 'MAXLEN', 1);
    const [late, everything] = [new Listener(), new Listener()];
    await subscribe(here, { group: 'late', start, onOutcome: late.hear, onGap: (gap) => late.gaps.push(gap) });
    const onGap = (gap: Gap) => everything.gaps.push(gap);
    await subscribe(here, { group: 'ever', start: new Date(0), onOutcome: everything.hear, onGap });
    await until('all are told', () => [late, everything].every(({ told }) => told.length === 1));
    expect(late.gaps).toEqual([{ from: start.toISOString(), to: expect.any(String) as string }]);
    expect(everything.gaps).toEqual([]); // like the beginning
  });

  test('is told of what was given to a subscriber that died, and removed before another took over', async () => {
    const { here, submit } = await telling();
    const listener = new Listener();
    await submit('before');
    const first = await subscribe(here, { onOutcome: listener.hear });
    await first.close();
    await submit('a');
    const outcomes = await streamKey(here);
    await submit('b');
    await here.client.xreadgroup('GROUP', 'g', 'dead', 'COUNT', 2, 'STREAMS', outcomes, '>');
    const given = await here.client.xrange(outcomes, '-', '+');
    await here.client.xtrim(outcomes, 'MAXLEN', 0);
    const onGap = (gap: Gap) => {
      listener.gaps.push(gap);
      if (listener.gaps.length === 1) {
        throw new Error('not now');
      }
    };
    await subscribe(here, { onOutcome: listener.hear, onGap, concurrency: 10, takeOverAfterMs: 1_000 });
    await until('somebody took note', () => listener.gaps.length === 2);
    const [a, b] = given.slice(-2).map(([id]) => new Date(parseInt(id)).toISOString());
    expect(listener.gaps[1]).toEqual({ from: a, to: b });
    expect(await pendingOf(here)).toBe(0);
    const metrics = createMetrics({ redis: here.redis, namespace: here.namespace, prefix: here.prefix });
    onTestFinished(() => metrics.close());
    await scrapeWith(metrics, 'tally_outcomes_gaps{group="g"} 1');
  });

  test('is told of what was removed while a subscriber had it in hand, who left without an end', async () => {
    const { here, submit } = await telling();
    const taken = vi.fn(() => new Promise<never>(() => undefined));
    const first = await subscribe(here, { onOutcome: taken, takeOverAfterMs: 1_000, closeTimeoutMs: 0 });
    await submit('a');
    await until('it is in hand', () => taken.mock.calls.length === 1);
    await here.client.xtrim(await streamKey(here), 'MAXLEN', 0);
    await wait(1_000); // it says that it is at work
    await first.close();
    const listener = new Listener();
    const onGap = (gap: Gap) => listener.gaps.push(gap);
    await subscribe(here, { onOutcome: listener.hear, onGap, takeOverAfterMs: 1_000 });
    await until('the gap is told', () => listener.gaps.length === 1);
    expect(await pendingOf(here)).toBe(0);
  });
});

test.each([{ keepUpdates: 1_000 }, { keepBytes: 100_000 }])(
  'the stream is kept within %o, and numbers go on',
  async (bounds) => {
    const here = place();
    await here.worker({ outcomes: bounds });
    const producer = here.producer({ maxBatch: 50 });
    const updates = Array.from({ length: 50 }, (_, n) => increment(here.key(`n${n}`)));
    for (let round = 0; round < 60; round += 1) {
      await Promise.all((await producer.submit(updates)).map((submission) => submission.outcome()));
    }
    await until('it is trimmed', async () =>
      'keepBytes' in bounds
        ? (await here.client.memory('USAGE', await streamKey(here)))! <= bounds.keepBytes
        : (await here.client.xlen(await streamKey(here))) <= 20,
    );
    const reader = outcomeReader(here);
    let held = 0;
    let page = await reader.read(await reader.cursorAt('beginning'), 1_000);
    for (; ; page = await reader.read(page.cursor, 1_000)) {
      expect(page.gap).toBeUndefined();
      held += page.events.length;
      if (page.isLast) {
        break;
      }
    }
    expect(held).toBeGreaterThanOrEqual('keepBytes' in bounds ? 500 : 900);
  },
);

test('the stream is kept within its bounds while Redis gives all entries one time, since its clock is behind the last of them', async () => {
  const here = place();
  await here.worker({ outcomes: { keepUpdates: 1_000 } });
  const producer = here.producer({ maxBatch: 50 });
  const updates = Array.from({ length: 50 }, (_, n) => increment(here.key(`n${n}`)));
  const apply = async () => Promise.all((await producer.submit(updates)).map((submission) => submission.outcome()));
  await apply();
  const outcomes = await streamKey(here);
  const [[id, fields]] = (await here.client.xrange(outcomes, '-', '+')) as [[string, string[]]];
  const aheadMs = parseInt(id) + 3_600_000;
  await here.client.xadd(outcomes, `${aheadMs}-0`, ...fields);
  for (let round = 0; round < 40; round += 1) {
    await apply();
  }
  await until('it is trimmed', async () => (await here.client.xlen(outcomes)) <= 20);
  const held = await here.client.xrange(outcomes, '-', '+');
  expect(held.length).toBeGreaterThanOrEqual(18);
  expect(held.at(-1)![0]).toBe(`${aheadMs}-40`);
});
