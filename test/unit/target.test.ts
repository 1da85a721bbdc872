import { describe, expect, test } from 'vitest';
import { ConfigurationError } from '../../src/index.js';
import { describeTarget, isCluster, readTarget } from '../../src/redis/target.js';

describe('a URL of one server', () => {
  test.each([
    ['redis://localhost', { host: 'localhost', port: 6379, db: 0 }],
    ['redis://', { host: '127.0.0.1', port: 6379, db: 0 }],
    ['redis://10.0.0.1:7000/3', { host: '10.0.0.1', port: 7000, db: 3 }],
    ['redis://[::1]:7000/', { host: '::1', port: 7000, db: 0 }],
    ['redis://:secret@localhost', { host: 'localhost', port: 6379, db: 0, password: 'secret' }],
    [
      'redis://ann:p%40ss%3Aword@localhost',
      { host: 'localhost', port: 6379, db: 0, username: 'ann', password: 'p@ss:word' },
    ],
    ['redis://localhost?family=6', { host: 'localhost', port: 6379, db: 0, family: 6 }],
    ['rediss://localhost:7000', { host: 'localhost', port: 7000, db: 0, tls: {} }],
  ])('%s is read', (url, options) => {
    expect(readTarget(url)).toEqual(options);
    expect(isCluster(url)).toBe(false);
  });
});

describe('a URL of a Cluster', () => {
  test('names some of its nodes, with a port of their own or 6379', () => {
    const url = 'redis-cluster://10.0.0.1:7000?node=10.0.0.2&node=[::1]:7002';
    expect(readTarget(url)).toEqual({
      nodes: [
        { host: '10.0.0.1', port: 7000 },
        { host: '10.0.0.2', port: 6379 },
        { host: '::1', port: 7002 },
      ],
      redisOptions: {},
    });
    expect(isCluster(url)).toBe(true);
  });

  test('gives its user and TLS to the connections to all nodes', () => {
    expect(readTarget('rediss-cluster://ann:secret@localhost')).toEqual({
      nodes: [{ host: 'localhost', port: 6379 }],
      redisOptions: { username: 'ann', password: 'secret', tls: {} },
    });
  });

  test.each(['/0', '/'])('may end in %s', (path) => {
    expect(readTarget(`redis-cluster://localhost${path}`)).toHaveProperty('nodes');
  });
});

describe('a URL of Sentinel', () => {
  test('names the Sentinels, the master and its database', () => {
    const url = 'redis-sentinel://ann:secret@s1:26379/2?node=s2&master=shop&sentinelPassword=other';
    expect(readTarget(url)).toEqual({
      sentinels: [
        { host: 's1', port: 26_379 },
        { host: 's2', port: 26_379 },
      ],
      ...{ name: 'shop', db: 2, username: 'ann', password: 'secret', sentinelPassword: 'other' },
    });
    expect(isCluster(url)).toBe(false);
  });

  test('asks for the master "mymaster" unless it is named, and uses TLS for the Sentinels too', () => {
    expect(readTarget('rediss-sentinel://s1')).toMatchObject({
      ...{ name: 'mymaster', tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true },
    });
  });
});

describe('options of TLS', () => {
  const tls = { ca: 'a certificate' };

  test('go with a URL for TLS, whatever it leads to', () => {
    expect(readTarget({ url: 'rediss://localhost', tls })).toMatchObject({ tls });
    expect(readTarget({ url: 'rediss-cluster://localhost', tls })).toMatchObject({ redisOptions: { tls } });
    expect(readTarget({ url: 'rediss-sentinel://localhost', tls })).toMatchObject({ tls, sentinelTLS: tls });
  });

  test('are refused with a URL that is not for TLS, since they would have no effect', () => {
    expect(() => readTarget({ url: 'redis://localhost', tls })).toThrow(/write rediss/);
  });
});

test('options of ioredis are taken as they are', () => {
  const options = { host: 'localhost', port: 7000 };
  expect(readTarget(options)).toEqual(options);
  const cluster = { nodes: [{ host: 'localhost', port: 7000 }] };
  expect(readTarget(cluster)).toEqual(cluster);
  expect(isCluster(cluster)).toBe(true);
});

test.each([
  ['localhost:6379', 'is no URL of Redis'],
  ['http://localhost', 'is no URL of Redis'],
  ['redis-claster://localhost', 'is no URL of Redis'],
  ['redis://localhost/one', 'the database must be a number'],
  ['redis://localhost/1/2', 'the database must be a number'],
  ['redis://localhost?node=other', 'unknown parameter "node"'],
  ['redis-cluster://localhost?master=shop', 'unknown parameter "master"; known: node'],
  ['redis-cluster://localhost/1', 'a Cluster has no database but 0'],
  ['redis-cluster://localhost?node=a:b', '"a:b" is no node: write host:port'],
  ['redis-cluster://localhost?node=redis://other', 'is no node: write host:port'],
  ['redis-sentinel://localhost?name=shop', 'unknown parameter "name"'],
])('%s is refused: %s', (url, words) => {
  expect(() => readTarget(url)).toThrow(ConfigurationError);
  expect(() => readTarget(url)).toThrow(words);
});

describe('the description of a target', () => {
  test.each([
    ['redis://ann:secret@localhost:7000/3', 'redis://ann:***@localhost:7000/3'],
    [
      'redis-sentinel://:secret@s1?master=shop&sentinelPassword=secret',
      'redis-sentinel://:***@s1?master=shop&sentinelPassword=***',
    ],
    [{ host: 'localhost', password: 'secret' }, 'redis://localhost:6379'],
    [
      {
        nodes: [
          { host: 'a', port: 1 },
          { host: 'b', port: 2 },
        ],
        redisOptions: { password: 'secret' },
      },
      'redis-cluster://a:1,b:2',
    ],
    [{ sentinels: [{ host: 's1', port: 1 }], name: 'shop', password: 'secret' }, 'redis-sentinel://s1:1?master=shop'],
  ])('says where it leads to', (target, description) => {
    expect(describeTarget(target)).toBe(description);
    expect(description).not.toContain('secret');
  });

  test.each([
    'redis://ann:secret@/',
    'redis//ann:secret@localhost',
    'http://:secret@localhost',
    'redis://:secret@localhost/x',
  ])('holds no password when %s is refused', (url) => {
    const words = (() => {
      try {
        return describeTarget(url) + JSON.stringify(readTarget(url)).replace('"password":"secret"', '');
      } catch (error) {
        return (error as Error).message;
      }
    })();
    expect(words).not.toContain('secret');
  });
});
