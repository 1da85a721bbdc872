import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { ConfigurationError, createProducer, createWorker } from '../../src/index.js';
import { TREATMENTS } from '../../src/redis/ioredis-options.js';
import { readTarget } from '../../src/redis/target.js';
import type { RedisTarget } from '../../src/redis/target.js';
import { ownedNames, passedNames, refusedNames, SAMPLES } from '../support/ioredis-samples.js';

const read = (target: unknown) => readTarget(target as RedisTarget);
const nodes = [{ host: 'localhost', port: 7000 }];

/** How a group of options is given. */
const GROUPS = [
  { where: 'redis', wrap: (options: object) => ({ host: 'h', name: 'shop', ...options }), unwrap: (it: object) => it },
  {
    where: 'redis.redisOptions',
    wrap: (redisOptions: object) => ({ nodes, redisOptions }),
    unwrap: (it: object) => (it as { redisOptions: object }).redisOptions,
  },
  { where: 'redis of a Cluster', wrap: (options: object) => ({ nodes, ...options }), unwrap: (it: object) => it },
] as const;

describe.each(GROUPS)('an option of $where', ({ where, wrap, unwrap }) => {
  const optionOf = (name: string) => ({ [name]: SAMPLES[name] });

  test.each(passedNames(where))('%s goes to ioredis', (name) => {
    expect(unwrap(read(wrap(optionOf(name))))).toMatchObject(optionOf(name));
  });

  test.each(ownedNames(where))('%s has no effect', (name) => {
    expect(unwrap(read(wrap(optionOf(name))))).not.toHaveProperty(name);
  });

  test.each(refusedNames(where))('%s is refused by its name, with what to do, unless it changes nothing', (name) => {
    const refusal = TREATMENTS[where][name];
    expect(() => read(wrap(optionOf(name)))).toThrow(ConfigurationError);
    expect(() => read(wrap(optionOf(name)))).toThrow(
      new RegExp(`^${where}: the option "${name}" of ioredis can't be used: .+`),
    );
    const { harmless } = refusal as { harmless: readonly unknown[] };
    for (const value of [undefined, null, ...harmless]) {
      expect(unwrap(read(wrap({ [name]: value })))).not.toHaveProperty(name);
    }
  });

  test('a name that ioredis does not know is refused, with the nearest that it knows', () => {
    expect(() => read(wrap({ lazyConect: true }))).toThrow(
      `${where}: unknown option "lazyConect"; did you mean "lazyConnect"?`,
    );
    expect(() => read(wrap({ constructor: true }))).toThrow('unknown option "constructor"');
  });
});

test('a mistyped password is told, and not printed', () => {
  expect(() => read({ host: 'h', pasword: 's3cret' })).toThrow(/unknown option "pasword"; did you mean "password"\?$/);
});

test.each([
  [{}, 'does not say where Redis is'],
  [{ password: 'secret' }, 'does not say where Redis is'],
  [{ host: 'h', port: 'six' }, 'port is "six": give a whole number from 1 to 65535'],
  [{ host: 'h', port: 0 }, 'port is 0'],
  [{ host: 'h', db: -1 }, 'db is -1'],
  [{ sentinels: [], name: 'shop' }, 'sentinels is empty'],
  [{ sentinels: nodes }, 'not name'],
  [{ nodes: [] }, 'nodes is empty'],
  [{ nodes: ['redis://h:1'] }, 'name each of nodes as { host, port }'],
  [{ nodes: [{ host: 'h', port: 70_000 }] }, 'port is 70000'],
  [{ url: 'redis://h', password: 'secret' }, '"password" stands beside url'],
  [[{ host: 'h', port: 1 }], 'this is a list'],
  [null, 'null: give a URL'],
  [42, '42: give a URL'],
  [new URL('redis://h'), 'an instance of URL'],
])('%j is refused: %s', (target, words) => {
  expect(() => read(target)).toThrow(ConfigurationError);
  expect(() => read(target)).toThrow(words);
});

test('digits do for numbers, as for ioredis', () => {
  expect(read({ host: 'h', port: '7000', db: '2' })).toEqual({ host: 'h', port: '7000', db: '2' });
});

test('a connection of ioredis is refused before anything is connected to', () => {
  const redis = new Redis({ host: '127.0.0.1', port: 1, lazyConnect: true });
  for (const create of [createProducer, createWorker] as ((options: object) => unknown)[]) {
    expect(() => create({ redis })).toThrow(/this is a connection, not options.* give a URL/);
    expect(() => create({ redis: 42 })).toThrow(/redis: give a Redis URL/);
    expect(() => create({ redis: {} })).toThrow(/it does not say where Redis is/);
  }
  redis.disconnect();
});
