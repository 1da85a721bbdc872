import { expect, test } from 'vitest';
import type { Role } from '../../src/doctor/acl-needs.js';
import { ownRedis, place, until } from '../support/tally.js';
import { userOfRole } from '../support/user-of-role.js';

const HOUR = 3_600_000;

test('the users of docs/redis-acl.md may delay, cancel and schedule, and are refused nothing on the way', async () => {
  const redis = await ownRedis();
  const here = place(redis.url);
  const userOf = async (role: Role) => ({ redis: await userOfRole(here, role, ['{*']) });
  const producer = here.producer(await userOf('producer'));
  await here.worker(await userOf('worker'));
  await here.client.call('ACL', 'LOG', 'RESET');
  const update = { operation: 'counter.increment' as const, params: { key: here.key('n') } };

  const later = await producer.submit(update, { delay: HOUR, idempotencyKey: 'order-7' });
  await producer.cancel(later.id);
  expect(await later.outcome()).toMatchObject({ status: 'cancelled' });
  const { schedules } = producer;
  await schedules.put({ id: 'a', everyMs: 1_000, update });
  await until('it ran', async () => Number(await here.client.get(here.key('n'))) > 1);
  await schedules.put({ id: 'a', cron: '0 0 * * *', update });
  await schedules.pause('a');
  await schedules.resume('a');
  await until('its run is noted', async () => (await schedules.list())[0]?.lastRun !== undefined);
  expect(await schedules.remove('a')).toBe(true);
  expect(await here.client.call('ACL', 'LOG')).toEqual([]);
});
