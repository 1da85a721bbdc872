import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { NEEDS, patternsOf, ROLES } from '../../src/doctor/acl-needs.js';
import type { Role } from '../../src/doctor/acl-needs.js';
import { findMissing } from '../../src/doctor/missing-acl.js';
import { ownRedis, place } from '../support/tally.js';
import { userOfRole } from '../support/user-of-role.js';

const NAMES = { namespace: 'tally', prefix: 'tally-queues', cells: ['stock:1'] };

/** A connection whose user has these rules. */
async function connectionOf(...rules: string[]): Promise<Redis> {
  const { url } = await ownRedis();
  const { client } = place(url);
  await client.call('ACL', 'SETUSER', 'app', 'reset', 'on', '>secret', ...rules);
  const redis = new Redis({ port: Number(new URL(url).port), username: 'app', password: 'secret' });
  onTestFinished(() => {
    redis.disconnect();
  });
  return redis;
}

test.each(Object.keys(ROLES) as Role[])(
  'a user who may only run scripts lacks all else that a %s needs',
  async (role) => {
    const redis = await connectionOf('~*', '+eval', '+command');
    const needs = NEEDS[role].flatMap(({ commands, keys }) => {
      const patterns = keys.length === 0 ? [undefined] : keys.flatMap((key) => patternsOf(key, NAMES));
      return patterns.flatMap((pattern) => commands.map((command) => ({ command, pattern })));
    });
    const names = [...new Set(needs.map(({ command }) => command))];
    const known = (await redis.call('COMMAND', 'INFO', ...names.map((name) => name.toLowerCase()))) as unknown[];
    const lacking = names.filter((name, place_) => known[place_] !== null && name !== 'EVAL');
    expect(lacking.length).toBeGreaterThan(5);

    const missing = await findMissing(redis, role, NAMES);

    expect(missing).toEqual(needs.filter(({ command }) => lacking.includes(command)));
  },
);

test.each(Object.keys(ROLES) as Role[])('a user with the rules of a %s, and no others, lacks nothing', async (role) => {
  const here = place((await ownRedis()).url);
  const redis = new Redis(await userOfRole(here, role, NAMES.cells));
  onTestFinished(() => {
    redis.disconnect();
  });

  const missing = findMissing(redis, role, { ...here, cells: NAMES.cells });

  await (role === 'reader' ? expect(missing).rejects.toThrow(/NOPERM.* 'eval'/) : expect(missing).resolves.toEqual([]));
});

test('a user without keys lacks all that is done to keys', async () => {
  const redis = await connectionOf('+@all');

  const missing = await findMissing(redis, 'worker', NAMES);

  const needs = NEEDS.worker.filter(({ keys }) => keys.length > 0);
  const count = needs.flatMap(({ commands, keys }) => keys.flatMap(() => commands)).length;
  expect(missing).toHaveLength(count);
});
