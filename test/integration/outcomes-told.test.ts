import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { readTold } from '../../src/jobs/told.js';
import { defineOperation, IdempotencyConflictError } from '../../src/index.js';
import { jobOf, openQueue } from '../support/queues.js';
import { place, until } from '../support/tally.js';
import { allTold, short, shorts, streamKey } from '../support/told.js';

const increment = (key: string, by = 5) => ({ operation: 'counter.increment' as const, params: { key, by } });

describe('with outcomes: true', () => {
  test('an applied update is one CloudEvent, with what it changed', async () => {
    const here = place();
    await here.worker({ outcomes: true });
    const producer = here.producer();
    const before = Date.now();
    const one = await producer.submit(increment(here.key('n')), { idempotencyKey: 'order-7' });
    await one.outcome();
    await (await producer.submit(increment(here.key('n'), 2))).outcome();

    const events = await allTold(here);
    expect(events.map(short)).toEqual(['counter.increment.applied: n null>5', 'counter.increment.applied: n 5>7']);
    const [event] = events;
    expect(event).toEqual({
      specversion: '1.0',
      id: `${one.id}:applied`,
      source: `/tally/${here.namespace}`,
      type: 'tally.counter.increment.applied',
      subject: here.key('n'),
      time: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      datacontenttype: 'application/json',
      data: {
        id: one.id,
        jobId: one.jobId,
        operation: 'counter.increment',
        status: 'applied',
        result: { value: 5, applied: 5 },
        cells: [{ key: here.key('n'), before: null, after: 5 }],
        idempotencyKey: 'order-7',
      },
    });
    expect(Date.parse(event!.time)).toBeGreaterThan(before - 5_000);
  });

  test('each update of a batch is told, with what the one before it left', async () => {
    const here = place();
    const producer = here.producer();
    const [n, big] = [here.key('n'), here.key('big')];
    await here.client.set(big, '9007199254740000');
    await here.client.set(here.key('text'), 'a,b;c');
    const submissions = await producer.submit([
      increment(n),
      { operation: 'counter.increment', params: { key: here.key('hash'), field: 'f', by: 1 } },
      increment(n, 2),
      { operation: 'counter.increment', params: { key: here.key('zset'), member: 'm', by: 3 } },
      { operation: 'counter.increment', params: { key: n, by: 9, max: 8 } },
      increment(here.key('text')),
      increment(big, 991),
      { operation: 'counter.increment', params: { key: n, by: 9, max: 8, whenOver: 'saturate' } },
    ]);
    await here.worker({ outcomes: true });
    await Promise.all(submissions.map((submission) => submission.outcome()));

    const told = await allTold(here);
    expect(told.slice(0, 7).map(short)).toEqual([
      'counter.increment.applied: n null>5',
      'counter.increment.applied: hash.f null>1',
      'counter.increment.applied: n 5>7',
      'counter.increment.applied: zset.m null>3',
      'counter.increment.rejected: n 7>7',
      'counter.increment.applied: big 9007199254740000>9007199254740991',
      'counter.increment.applied: n 7>8',
    ]);
    expect(told[4]!.data).toMatchObject({ reason: 'LIMIT_REACHED', message: expect.stringContaining(n) as string });
    expect(told.slice(7).map(short)).toEqual(['counter.increment.failed: text']); // of its own job, once
    expect(told[7]).toMatchObject({
      id: `${submissions[5].id}:failed:1`,
      data: { reason: 'NOT_AN_INTEGER', attempt: 1 },
    });
  });

  test('operations on several cells, transactions and reservations are told by their cells', async () => {
    const here = place();
    await here.worker({ outcomes: true });
    const producer = here.producer();
    const [a, b, xp] = [here.key('a'), here.key('b'), here.key('xp')];
    const outcomes = [];
    for (const update of [
      { operation: 'inventory.restock', params: { key: a, quantity: 5 } },
      { operation: 'inventory.restock', params: { key: b, quantity: 2 } },
      {
        operation: 'inventory.takeAll',
        params: {
          items: [
            { key: a, quantity: 1 },
            { key: b, quantity: 2 },
          ],
        },
      },
      {
        operation: 'inventory.takeAll',
        params: {
          items: [
            { key: a, quantity: 1 },
            { key: b, quantity: 1 },
          ],
        },
      },
      { operation: 'inventory.take', params: { key: a, quantity: 9 } },
      {
        operation: 'transaction',
        params: {
          updates: [
            { operation: 'inventory.restock', params: { key: a, quantity: 3 } },
            { operation: 'inventory.take', params: { key: a, quantity: 1 } },
            { operation: 'xp.award', params: { key: xp, amount: 10, levels: [5] } },
          ],
        },
      },
      {
        operation: 'transaction',
        params: {
          updates: [
            { operation: 'inventory.take', params: { key: a, quantity: 1 } },
            { operation: 'inventory.take', params: { key: b, quantity: 1, whenShort: 'reject' } },
          ],
        },
      },
      { operation: 'inventory.reserve', params: { key: a, quantity: 1, reservation: 'r', ttlSeconds: 60 } },
      { operation: 'counter.remove', params: { key: xp } },
    ]) {
      // As text from outside: no single type of `submit` takes updates of several operations.
      const submission = await producer.submit(update as { operation: 'counter.remove'; params: { key: string } });
      outcomes.push(await submission.outcome());
    }
    const told = await allTold(here);
    expect(told.map(short)).toEqual([
      'inventory.restock.applied: a null>5',
      'inventory.restock.applied: b null>2',
      'inventory.takeAll.applied: a 5>4, b 2>0',
      'inventory.takeAll.rejected: a 4>4, b 0>0',
      'inventory.take.applied: a 4>0',
      'transaction.applied: a 0>2, xp null>10',
      'transaction.rejected: a 2>2, b 0>0',
      'inventory.reserve.applied: a 2>1',
      'counter.remove.applied: xp 10>null',
    ]);
    for (const [index, outcome] of outcomes.entries()) {
      expect(told[index]!.data).toMatchObject(outcome);
    }
  });

  test('an update under a key that was used is not told again; a conflict is', async () => {
    const here = place();
    const producer = here.producer();
    const keyed = (by: number) => ({ ...increment(here.key('n'), by), idempotencyKey: 'k' });
    const submissions = await producer.submit([keyed(1), keyed(1), keyed(2)]);
    await here.worker({ outcomes: true });
    await Promise.all(submissions.map((submission) => submission.outcome()));
    expect(await shorts(here)).toEqual(['counter.increment.applied: n null>1', 'counter.increment.conflict: n 1>1']);
  });

  test('a cell that can not be read is not told as missing', async () => {
    const here = place();
    const producer = here.producer();
    const cells = ['string', 'list', 'hash', 'zset'].map((name) => here.key(name));
    const [string, list, hash, zset] = cells as [string, string, string, string];
    await here.client.rpush(list, 'x');
    await here.client.hset(hash, 'f', 'x');
    await here.client.zadd(zset, 1.5, 'm');
    const anyOf = (key: string) => ({ operation: 'counter.increment', params: { key, by: 1 } }) as const;
    const others = [
      anyOf(list),
      { operation: 'counter.increment', params: { key: hash, field: 'f', by: 1 } },
      { operation: 'counter.increment', params: { key: hash, field: 'g', by: 1 } },
      { operation: 'counter.increment', params: { key: zset, member: 'm', by: 1 } },
    ] as const;
    const short = { operation: 'inventory.take', params: { key: string, quantity: 9, whenShort: 'reject' } } as const;
    const submissions = await producer.submit([
      { operation: 'transaction', params: { updates: [anyOf(string), anyOf(string)] }, idempotencyKey: 'k' },
      { operation: 'transaction', params: { updates: [anyOf(string), ...others] }, idempotencyKey: 'k' },
      { operation: 'transaction', params: { updates: [short, ...others] } },
    ]);
    await here.worker({ outcomes: true });
    await Promise.all(submissions.map((submission) => submission.outcome()));
    const unread = 'list, hash.f, hash.g null>null, zset.m';
    expect(await shorts(here)).toEqual([
      'transaction.applied: string null>2',
      `transaction.conflict: string 2>2, ${unread}`,
      `transaction.rejected: string 2>2, ${unread}`,
    ]);
  });

  test('a conflict that the producer finds before it sends is answered, and not told', async () => {
    const here = place();
    await here.worker({ outcomes: true });
    const keyed = (by: number) => ({ ...increment(here.key('n'), by), idempotencyKey: 'k' });
    await (await here.producer().submit(keyed(1))).outcome();
    const again = await here.producer().submit(keyed(2));
    expect(again.isRepeat).toBe(true);
    expect(await again.outcome()).toMatchObject({ status: 'conflict' });
    const refused = here.producer().submit(keyed(2), { refuseConflicts: true });
    await expect(refused).rejects.toThrow(IdempotencyConflictError);
    expect(await shorts(here)).toEqual(['counter.increment.applied: n null>1']);
  });

  test('what was taken back is told when its job ends', async () => {
    const here = place();
    const producer = here.producer();
    const submission = await producer.submit(increment(here.key('n')), { delay: 3_600_000 });
    await producer.cancel(submission.id);
    await here.worker({ outcomes: true });
    await until('it is told', async () => (await allTold(here)).length > 0);
    expect(await shorts(here)).toEqual(['counter.increment.cancelled: n']);
  });

  test('failed, retried, applied are three events', async () => {
    const here = place();
    const queue = openQueue(here);
    await here.worker({ outcomes: true });
    const producer = here.producer();
    await here.client.rpush(here.key('n'), 'a list');
    const submission = await producer.submit(increment(here.key('n')));
    await submission.outcome();
    await (await jobOf(queue, submission.jobId)).retry();
    await until('it failed again', async () => (await allTold(here)).length > 1);
    await until('BullMQ knows', async () => (await queue.getJobState(submission.jobId)) === 'failed');
    await here.client.del(here.key('n'));
    await (await jobOf(queue, submission.jobId)).retry();
    await until('it is applied', async () => (await allTold(here)).length > 2);
    expect((await allTold(here)).map(({ id }) => id.replace(submission.id, ''))).toEqual([
      ':failed:1',
      ':failed:2',
      ':applied',
    ]);
  });

  test('a job whose data can not be read fails, and that is told without cells', async () => {
    const here = place();
    await here.worker({ outcomes: true });
    await openQueue(here).add('counter.increment', { nonsense: true }, { jobId: 'order/7 of me'.replaceAll(' ', '-') });
    await until('it is told', async () => (await allTold(here)).length > 0);
    const [event] = await allTold(here);
    expect(event).toMatchObject({
      type: 'tally.counter.increment.failed',
      data: { jobId: 'order/7-of-me', reason: 'INVALID_UPDATE', cells: [] },
    });
    expect(event!.id).toMatch(/^counters\/order%2F7-of-me\/\d+\.0:failed:1$/);
  });

  test('the numbers of all that is told go on without a gap', async () => {
    const here = place();
    await here.worker({ outcomes: true });
    const producer = here.producer();
    await here.client.set(here.key('bad'), 'text');
    const submissions = await Promise.all(
      Array.from({ length: 40 }, (_, n) => producer.submit(increment(here.key(n % 10 === 3 ? 'bad' : `n${n % 3}`)))),
    );
    await Promise.all(submissions.map((submission) => submission.outcome()));
    let number = 0;
    for (const [, fields] of await here.client.xrange(await streamKey(here), '-', '+')) {
      const entry = readTold(fields)!;
      expect(entry.number - entry.updates).toBe(number);
      number = entry.number;
    }
    expect(number).toBeGreaterThanOrEqual(40);
  });

  test('an operation that the reader does not know is told without its result', async () => {
    const here = place();
    const spend = defineOperation({
      name: 'energy.spend',
      params: z.strictObject({ key: z.string(), amount: z.int() }),
      cells: ({ key }) => [{ key }],
      args: ({ amount }) => [amount],
      lua: `return function(cells, args)
        if cells[1] < args[1] then return nil, 'TIRED', { cells[1] } end
        return { cells[1] - args[1] }, { cells[1], args[1] }
      end`,
      result: ([was, spent]) => ({ was, spent }),
    });
    await here.worker({ outcomes: true, operations: [spend] });
    const producer = here.producer({ operations: [spend] });
    await here.client.set(here.key('e'), 9);
    for (const amount of [4, 8]) {
      await (await producer.submit({ operation: 'energy.spend', params: { key: here.key('e'), amount } })).outcome();
    }
    const [applied, rejected] = await allTold(here);
    expect(short(applied!)).toBe('energy.spend.applied: e 9>5');
    expect(applied!.data).not.toHaveProperty('result.spent');
    expect(rejected!.data).toMatchObject({ status: 'rejected', reason: 'TIRED' });
    const [known] = await allTold(here, [spend]);
    expect(known!.data).toMatchObject({ result: { was: 9, spent: 4 } });
  });
});

test('without outcomes there is no stream', async () => {
  const here = place();
  await here.worker();
  await (await here.producer().submit(increment(here.key('n')))).outcome();
  expect(await here.client.exists(await streamKey(here))).toBe(0);
});
