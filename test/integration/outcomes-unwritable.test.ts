import { describe, expect, test } from 'vitest';
import { createKeys } from '../../src/redis/keys.js';
import { jobOf, openQueue } from '../support/queues.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';
import { ownRedis, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { allTold, shorts } from '../support/told.js';

const increment = (key: string) => ({ operation: 'counter.increment' as const, params: { key, by: 5 } });

describe('where the stream can not be written, nothing is', () => {
  /** Whatever the update would change stays as it is; once the stream is mended, the update is applied, and told. */
  async function expectNothingUntilMended(here: Place, mend: () => Promise<unknown>): Promise<void> {
    const submission = await here.producer().submit(increment(here.key('n')));
    const queue = openQueue(here);
    await until('it was tried', async () => (await jobOf(queue, submission.jobId)).attemptsMade > 1);
    expect(await here.client.exists(here.key('n'), here.jobReceipt(submission.jobId))).toBe(0);
    await mend();
    expect(await submission.outcome()).toMatchObject({ status: 'applied' });
    expect(await shorts(here)).toEqual(['counter.increment.applied: n null>5']);
  }

  test('because its key holds something else', async () => {
    skipUnlessOneServer('outcomes are told on one server');
    const here = place();
    await here.worker({ outcomes: true });
    const { outcomes } = createKeys(here);
    await here.client.set(outcomes, 'text');
    await expectNothingUntilMended(here, () => here.client.del(outcomes));
  });

  test('because somebody has used its ids up', async () => {
    skipUnlessOneServer('outcomes are told on one server');
    const here = place();
    await here.worker({ outcomes: true });
    const { outcomes } = createKeys(here);
    await here.client.xadd(outcomes, '18446744073709551615-18446744073709551615', 'a', 'b');
    await here.client.xtrim(outcomes, 'MAXLEN', 0); // so that no entry shows it
    await expectNothingUntilMended(here, () => here.client.del(outcomes));
  });

  test.each(['xadd', 'xrevrange', 'set'])('because the user of the worker may not run %s', async (command) => {
    const redis = await ownRedis();
    const here = place(redis.url);
    await here.client.call('ACL', 'SETUSER', 'w', 'on', '>pw', '~*', '&*', '+@all');
    const url = redis.url.replace('redis://', 'redis://w:pw@');
    await here.worker({ redis: url, outcomes: true });
    // BullMQ's own scripts need SET and XADD as well: on its keys only.
    const butForQueues = command === 'set' ? [`(+set ~${here.prefix}*)`] : [];
    await here.client.call('ACL', 'SETUSER', 'w', `-${command}`, ...butForQueues);
    if (command === 'xadd') {
      await here.client.call(
        'ACL',
        'SETUSER',
        'w',
        'resetkeys',
        `~${here.prefix}*`,
        `~${here.namespace}:job*`,
        `~${here.namespace}:ann*`,
        `%R~${here.namespace}*`,
        '~{*',
        '+xadd',
      );
    }
    await expectNothingUntilMended(here, () => here.client.call('ACL', 'SETUSER', 'w', '~*', '+@all'));
  });
});

test('a job that failed goes on as long as that can not be told', async () => {
  skipUnlessOneServer('outcomes are told on one server');
  const here = place();
  await here.worker({ outcomes: true });
  const queue = openQueue(here);
  const { outcomes } = createKeys(here);
  await here.client.rpush(here.key('n'), 'a list');
  await here.client.set(outcomes, 'text');
  const submission = await here.producer().submit(increment(here.key('n')));
  await until('it was tried', async () => (await jobOf(queue, submission.jobId)).attemptsStarted > 2);
  expect(await queue.getJobState(submission.jobId)).not.toBe('failed');
  await here.client.del(outcomes);
  expect(await submission.outcome()).toMatchObject({ status: 'failed', reason: 'WRONG_TYPE' });
  expect(await shorts(here)).toEqual(['counter.increment.failed: n']);
});

test('a job that was cancelled goes on as long as that can not be told', async () => {
  skipUnlessOneServer('outcomes are told on one server');
  const here = place();
  await here.worker({ outcomes: true });
  const queue = openQueue(here);
  const { outcomes } = createKeys(here);
  const producer = here.producer();
  await here.client.set(outcomes, 'text');
  const submission = await producer.submit(increment(here.key('n')), { delay: 3_600_000 });
  await producer.cancel(submission.id);
  await until('it was tried', async () => (await jobOf(queue, submission.jobId)).attemptsStarted > 2);
  expect((await jobOf(queue, submission.jobId)).attemptsMade).toBe(0);
  await here.client.del(outcomes);
  await until('it is told', async () => (await allTold(here)).length > 0);
  expect(await queue.getJobState(submission.jobId)).not.toBe('failed');
  expect(await shorts(here)).toEqual(['counter.increment.cancelled: n']);
});

test('a worker that could not tell outcomes does not start', async () => {
  skipUnlessOneServer('outcomes are told on one server');
  const here = place();
  await here.client.set(createKeys(here).outcomes, 'text');
  await expect(here.worker({ outcomes: true })).rejects.toThrow(/holds something else/);
});
