import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { aclRules, NEEDS } from '../../src/redis/permissions.js';
import type { Role } from '../../src/redis/permissions.js';
import { roles } from '../support/topology/secure-redis.js';

test('docs/redis-acl.md has the rules of the list', () => {
  const page = readFileSync(new URL('../../docs/redis-acl.md', import.meta.url), 'utf8');
  const names = { namespace: 'tally', prefix: 'bull', cells: ['stock:*', 'xp:*'] };
  const users = [...roles.map((role) => [role, [role]] as const), ['all', roles] as const];
  const lines = users.map(([user, of]) => `user tally-${user} on >PASSWORD ${aclRules(of, names)}`);
  expect(page.split('\n').filter((line) => line.startsWith('user tally-'))).toEqual(lines);
});

/** Scripts of BullMQ by who runs them. */
const SCRIPTS: Partial<Record<Role, readonly string[]>> = {
  producer: ['addStandardJob', 'addDelayedJob', 'addPrioritizedJob', 'getCounts'],
  worker: [
    ...['addStandardJob', 'moveToActive', 'moveToFinished', 'moveToDelayed', 'retryJob', 'extendLock', 'extendLocks'],
    ...['moveStalledJobsToWait', 'saveStacktrace', 'cleanJobsInSet', 'getCounts', 'promote', 'isJobInList', 'getState'],
  ],
  dashboard: [
    ...[
      'getRanges',
      'getJobs',
      'getCounts',
      'getState',
      'getMetrics',
      'getRateLimitTtl',
      'getJobScheduler',
      'paginate',
    ],
    ...['removeJob', 'reprocessJob', 'moveJobsToWait', 'promote', 'pause', 'drain', 'cleanJobsInSet', 'obliterate'],
  ],
};

test.each(Object.entries(SCRIPTS))(
  'the list has all commands in the scripts of BullMQ that a %s runs',
  (role, scripts) => {
    const folder = dirname(createRequire(import.meta.url).resolve('bullmq'));
    const files = readdirSync(join(folder, 'scripts')).filter((file) => file.endsWith('.js'));
    const commands = scripts.flatMap((script) => {
      const file = files.find((name) => name.startsWith(`${script}-`));
      expect(file, script).toBeDefined();
      const text = readFileSync(join(folder, 'scripts', file ?? ''), 'utf8');
      return [...text.matchAll(/call\(\s*["']([A-Za-z]+)["']/g)].map(([, command = '']) => command.toUpperCase());
    });
    const granted = NEEDS[role as Role].filter(({ keys }) => keys.includes('~bull:*')).flatMap((need) => need.commands);
    expect(commands.length).toBeGreaterThan(10);
    expect([...new Set(commands)].filter((command) => !granted.includes(command))).toEqual([]);
  },
);
