import { expect, onTestFinished, test, vi } from 'vitest';
import { place, until } from '../support/tally.js';

const AHEAD_MS = 5 * 60_000;

test('a retry is dated by the clock of Redis, not by that of a worker whose clock is minutes ahead', async () => {
  const here = place();
  const submission = await here.producer().counters.increment({ key: here.key('n') });
  // A user that may not write the counter yet: an error of Redis, so the job is tried again.
  const user = `user-${here.namespace}`;
  await here.client.acl('SETUSER', user, 'on', '>secret', `~${here.prefix}*`, `~${here.namespace}*`, '&*', '+@all');
  onTestFinished(async () => {
    await here.client.acl('DELUSER', user);
  });
  const { now } = Date;
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() + AHEAD_MS);
  onTestFinished(() => {
    clock.mockRestore();
  });
  await here.worker({ redis: here.redis.replace('redis://', `redis://${user}:secret@`) });

  const retriesDueMs = async () => {
    const events = await here.client.xrange(`${here.prefix}:counters:events`, '-', '+');
    return events.flatMap(([, fields]) =>
      fields[fields.indexOf('event') + 1] === 'delayed' ? [Number(fields[fields.indexOf('delay') + 1])] : [],
    );
  };
  await until('the job is to be tried again', async () => (await retriesDueMs()).length > 0);
  for (const dueMs of await retriesDueMs()) {
    expect(Math.abs(dueMs - now())).toBeLessThan(60_000);
  }

  await here.client.acl('SETUSER', user, '~*');
  expect(await submission.outcome()).toEqual({ status: 'applied', result: { value: 1 } });
});
