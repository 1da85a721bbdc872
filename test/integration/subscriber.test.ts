import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createMetrics, createSubscriber } from '../../src/index.js';
import type { OutcomeEvent } from '../../src/index.js';
import { scrapeWith } from '../support/scrape.js';
import { Listener, pendingOf, subscribe, telling } from '../support/subscribers.js';
import { ownRedis, place, until } from '../support/tally.js';
import { streamKey } from '../support/told.js';

describe('where a group begins', () => {
  test.each([
    ['now', ['c 1 applied']],
    ['beginning', ['a 1 applied', 'b 1 applied', 'c 1 applied']],
    ['at a time', ['b 1 applied', 'c 1 applied']],
  ])('%s', async (start, expected) => {
    const { here, submit } = await telling();
    await submit('a');
    await wait(20);
    const at = new Date();
    await wait(20);
    await submit('b');
    const listener = new Listener();
    await subscribe(here, {
      onOutcome: listener.hear,
      start: start === 'at a time' ? at : (start as 'now' | 'beginning'),
    });
    await submit('c');
    await until('all are told', () => listener.told.length >= expected.length);
    expect(listener.told).toEqual(expected);
  });

  test('a group that is there goes on where it was, whatever is said; another one gets all again', async () => {
    const { here, submit } = await telling();
    const [first, second, other] = [new Listener(), new Listener(), new Listener()];
    const subscriber = await subscribe(here, { onOutcome: first.hear, start: 'beginning' });
    await submit('a');
    await until('it is told', () => first.told.length === 1);
    await subscriber.close();
    await submit('b');
    await subscribe(here, { onOutcome: second.hear, start: 'now' });
    await subscribe(here, { onOutcome: other.hear, start: 'beginning', group: 'other' });
    await until('all are told', () => second.told.length === 1 && other.told.length === 2);
    expect(second.told).toEqual(['b 1 applied']);
  });
});

test('only what is wanted is told: a crossing, once', async () => {
  const { here, submit } = await telling();
  const listener = new Listener();
  await subscribe(here, {
    onOutcome: listener.hear,
    filter: { operations: ['counter.increment'], statuses: ['applied'], keys: ['*:stock-*'], crosses: { above: 5 } },
  });
  for (const by of [4, 1, 1, 1, 5]) {
    await submit('stock-a', by);
    await submit('other', by);
  }
  await submit('stock-b', 6);
  await until('the last is told', () => listener.told.includes('stock-b 6 applied'));
  expect(listener.told).toEqual(['stock-a 6 applied', 'stock-b 6 applied']);
});

test('two subscribers of a group share its events: each is told once', async () => {
  const { here, submit } = await telling();
  const [one, other] = [new Listener(), new Listener()];
  for (const listener of [one, other]) {
    const onOutcome = async (event: OutcomeEvent) => {
      listener.hear(event);
      await until('both have one', () => one.ids.length > 0 && other.ids.length > 0); // meanwhile it takes no more
    };
    await subscribe(here, { onOutcome, concurrency: 1 });
  }
  for (let n = 0; n < 30; n += 1) {
    await submit(`n${n}`);
  }
  await until('all are told', () => one.ids.length + other.ids.length >= 30);
  expect(new Set([...one.ids, ...other.ids]).size).toBe(30);
  expect(one.ids.length + other.ids.length).toBe(30);
  expect(Math.min(one.ids.length, other.ids.length)).toBeGreaterThan(0);
});

test('no more than "concurrency" jobs are in hand', async () => {
  const { here, submit } = await telling();
  let [inHand, most, done] = [0, 0, 0];
  const release: (() => void)[] = [];
  await subscribe(here, {
    concurrency: 3,
    onOutcome: async () => {
      inHand += 1;
      most = Math.max(most, inHand);
      await new Promise<void>((resolve) => release.push(resolve));
      inHand -= 1;
      done += 1;
    },
  });
  await Promise.all(Array.from({ length: 9 }, (_, n) => submit(`n${n}`)));
  await until('it has all it may have', () => inHand === 3);
  await wait(300);
  const pending = (await here.client.xpending(await streamKey(here), 'g')) as [number];
  expect(pending[0]).toBe(3); // the rest waits in Redis, not in the process
  await until('all are done', () => {
    release.splice(0).forEach((go) => {
      go();
    });
    return done >= 3 && inHand === 0;
  });
  expect(most).toBe(3);
});

describe('a handler that throws', () => {
  test('is tried again, and then told no more', async () => {
    const { here, submit } = await telling();
    const attempts: number[] = [];
    await subscribe(here, {
      onOutcome: (_event, { attempt }) => {
        attempts.push(attempt);
        if (attempt < 3) {
          throw new Error('not yet');
        }
      },
    });
    await submit('a');
    await until('it was taken', () => attempts.length === 3);
    await until('it is acknowledged', async () => (await pendingOf(here)) === 0);
    expect(attempts).toEqual([1, 2, 3]);
  });

  test('again and again has its event set aside, for all to see; the next ones are told', async () => {
    const { here, submit } = await telling();
    const metrics = createMetrics({ redis: here.redis, namespace: here.namespace, prefix: here.prefix });
    onTestFinished(() => metrics.close());
    const listener = new Listener();
    const subscriber = await subscribe(here, {
      metrics,
      maxAttempts: 2,
      onOutcome: (event) => {
        if (event.subject?.endsWith(':bad') === true) {
          throw new Error('I do not like it');
        }
        listener.hear(event);
      },
    });
    const id = await submit('bad');
    await submit('good');
    await until('the next one is told', () => listener.told.length === 1);
    expect(await subscriber.deadLetters.count()).toBe(1);
    const [letter] = await subscriber.deadLetters.list();
    expect(letter).toMatchObject({ event: { id: `${id}:applied` }, error: 'I do not like it', attempts: 2 });
    const text = await scrapeWith(metrics, 'tally_outcomes_dead_letters{group="g"} 1');
    expect(text).toContain('tally_subscriber_events_total{group="g",result="set_aside"} 1');
    expect(text).toContain('tally_subscriber_events_total{group="g",result="failed"} 2');
    expect(await subscriber.deadLetters.drop()).toBe(1);
    expect(await subscriber.deadLetters.count()).toBe(0);
  });

  test('that never ends counts as one when its time is over, and is told so', async () => {
    const { here, submit } = await telling();
    const signals: AbortSignal[] = [];
    const subscriber = await subscribe(here, {
      maxAttempts: 2,
      handlerTimeoutMs: 50,
      onOutcome: (_event, { signal }) => {
        signals.push(signal);
        return new Promise(() => undefined);
      },
    });
    await submit('a');
    await until('it is set aside', async () => (await subscriber.deadLetters.count()) === 1);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  });
});

describe('what a subscriber leaves', () => {
  test('when it closes goes to another at once; nothing is acknowledged that was not handled', async () => {
    const { here, submit } = await telling();
    const heard = new Listener();
    const stuck = await subscribe(here, { closeTimeoutMs: 50, onOutcome: () => new Promise(() => undefined) });
    await submit('a');
    await until('it is in hand', async () => (await pendingOf(here)) === 1);
    await stuck.close();
    await subscribe(here, { onOutcome: heard.hear });
    await until('another is told', () => heard.told.length === 1);
    expect(heard.told).toEqual(['a 1 applied']);
    await until('it is acknowledged', async () => (await pendingOf(here)) === 0);
  });

  test('when it closes: what is being handled is waited for, and the consumer is gone', async () => {
    const { here, submit } = await telling();
    const handled = vi.fn();
    const subscriber = await subscribe(here, {
      onOutcome: async () => {
        await wait(300);
        handled();
      },
    });
    await submit('a');
    await until('it is in hand', async () => (await pendingOf(here)) === 1);
    await subscriber.close();
    expect(handled).toHaveBeenCalledTimes(1);
    expect(await pendingOf(here)).toBe(0);
    expect(await here.client.xinfo('CONSUMERS', await streamKey(here), 'g')).toEqual([]);
  });

  test('when it dies is taken over when it was silent for long enough', async () => {
    const { here, submit } = await telling();
    await submit('before');
    const outcomes = await streamKey(here);
    const heard = new Listener();
    await subscribe(here, { onOutcome: heard.hear, takeOverAfterMs: 1_000 });
    // A consumer that was given an entry and is heard of no more.
    const dead = here.client.duplicate();
    onTestFinished(() => {
      dead.disconnect();
    });
    const stolen = dead.xreadgroup('GROUP', 'g', 'dead', 'COUNT', 1, 'BLOCK', 0, 'STREAMS', outcomes, '>');
    await until('it waits', async () => {
      const clients = await Promise.all(here.client.masters().map((master) => master.client('LIST')));
      return clients.some((list) => / flags=b .* cmd=xreadgroup/.test(String(list)));
    });
    const ids = [await submit('a'), await submit('b')];
    expect(await stolen).not.toBeNull();
    await until('all are told', () => heard.ids.length === 2);
    expect([...heard.ids].sort()).toEqual(ids.map((id) => `${id}:applied`).sort());
  });

  test('while it is at work on an event for long is not taken over', async () => {
    const { here, submit } = await telling();
    const [slow, other] = [vi.fn(), vi.fn()];
    await subscribe(here, {
      takeOverAfterMs: 1_000,
      onOutcome: async () => {
        await wait(3_500);
        slow();
      },
    });
    await submit('a');
    await until('it is in hand', async () => (await pendingOf(here)) === 1);
    await subscribe(here, { takeOverAfterMs: 1_000, onOutcome: other });
    await until('it is done', () => slow.mock.calls.length === 1);
    expect(other).not.toHaveBeenCalled();
  });
});

test('a Redis that takes no writes for a while keeps a subscriber waiting, not from starting', async () => {
  const redis = await ownRedis();
  const { client, namespace, prefix, logger } = place(redis.url);
  await client.config('SET', 'min-replicas-to-write', '1');
  const onOutcome = () => undefined;
  const subscriber = createSubscriber({ redis: redis.url, namespace, prefix, logger, group: 'g', onOutcome });
  onTestFinished(() => subscriber.close());
  let isReady = false;
  void subscriber.ready().then(() => {
    isReady = true;
  });
  await wait(1_500);
  expect(isReady).toBe(false);
  await client.config('SET', 'min-replicas-to-write', '0');
  await subscriber.ready();
});

test('options are checked, by their names', () => {
  const options = { redis: 'redis://127.0.0.1:1', group: 'g', onOutcome: () => undefined };
  expect(() => createSubscriber({ ...options, group: 'a b' })).toThrow(/createSubscriber: group: must be 1 to 100/);
  expect(() => createSubscriber({ ...options, start: 'later' as 'now' })).toThrow(/start: must be "now"/);
  expect(() => createSubscriber({ ...options, onOutcome: 'x' as never })).toThrow(/onOutcome: give a function/);
  expect(() => createSubscriber({ ...options, filter: { statuses: ['done' as 'applied'] } })).toThrow(
    /filter\.statuses/,
  );
});
