import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { luaSource } from '../../src/redis/lua-source.js';
import { aclRules, NEEDS, ROLES } from '../../src/doctor/acl-needs.js';
import type { Role } from '../../src/doctor/acl-needs.js';

const roles = Object.keys(ROLES) as Role[];

test('docs/redis-acl.md has the rules of the list', () => {
  const page = readFileSync(new URL('../../docs/redis-acl.md', import.meta.url), 'utf8');
  const names = { namespace: 'tally', prefix: 'tally-queues', cells: ['stock:*', 'xp:*'] };
  const users = [...roles.map((role) => [role, [role]] as const), ['all', roles] as const];
  const lines = users.map(([user, of]) => `user tally-${user} on >PASSWORD ${aclRules(of, names)}`);
  expect(page.split('\n').filter((line) => line.startsWith('user tally-'))).toEqual(lines);
});

/** The commands that a script of Tally's own runs, by the keys on which it does. */
const OWN: Readonly<Record<string, RegExp>> = {
  settle: /^~tally-queues:\*$|^~tally:job:\*$/,
  retire: /^~tally-queues:\*$/,
  apply: /^~cells$|^~tally:(job|idem|history):\*$|^~tally:(announced|outcomes)$/,
};

test.each(Object.entries(OWN))('the list has all commands that lua/%s.lua runs for a worker', (name, keys) => {
  const needs = NEEDS.worker.filter(
    (need) => need.keys.length === 0 || need.keys.some((pattern) => keys.test(pattern)),
  );
  const granted = needs.flatMap(({ commands }) => commands);
  const calls = luaSource(name).matchAll(/\bp?call\('([A-Z]+)'|(?:read|write)_group\((?:'\w+', )?'([A-Z]+)'/g);
  const commands = [...calls].map(([, called, ofGroup]) => called ?? ofGroup ?? '');

  expect(commands.length).toBeGreaterThan(4);
  expect([...new Set(commands)].filter((command) => !granted.includes(command))).toEqual([]);
});

test('other names take the place of those in the list, whatever they are', () => {
  const rules = aclRules(['worker'], { namespace: 'tally-queues', prefix: 'tally', cells: ['stock:*'] });
  const keys = rules.split(' ').filter((rule) => rule.startsWith('~'));

  expect(keys).toEqual([
    ...[
      '~stock:*',
      '~tally-queues:announced',
      '~tally-queues:history:*',
      '~tally-queues:hot-keys:*',
      '~tally-queues:idem:*',
      '~tally-queues:installation',
      '~tally-queues:job:*',
    ],
    ...[
      '~tally-queues:outcomes',
      '~tally-queues:outcomes:streams',
      '~tally-queues:overdue-turn',
      '~tally-queues:partitions',
      '~tally-queues:processes',
      '~tally-queues:rates:*',
      '~tally-queues:schedule-runs',
      '~tally-queues:webhook-fan-out',
      '~tally-queues:webhook-pending',
      '~tally-queues:webhook-turns:*',
      '~tally-queues:webhooks',
      '~tally-queues:worker-orders',
      '~tally-queues:{*}:announced',
    ],
    ...['held', 'history', 'hold-closed', 'hold-ends', 'holds'].map((name) => `~tally-queues:{*}:${name}:*`),
    ...['~tally-queues:{*}:idem:*', '~tally-queues:{*}:job:*', '~tally-queues:{*}:outcomes', '~tally:*'],
  ]);
});
