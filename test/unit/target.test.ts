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
    ['redis://:a:b c@localhost', { host: 'localhost', port: 6379, db: 0, password: 'a:b c' }],
    [' redis://localhost\n', { host: 'localhost', port: 6379, db: 0 }],
    ['redis+unix:///run/redis.sock?db=2', { path: '/run/redis.sock', db: 2 }],
    [
      'redis+unix://ann:p%40ss@/run/my%20redis.sock',
      { path: '/run/my redis.sock', db: 0, username: 'ann', password: 'p@ss' },
    ],
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
      name: 'shop',
      db: 2,
      username: 'ann',
      password: 'secret',
      sentinelPassword: 'other',
    });
    expect(isCluster(url)).toBe(false);
  });

  test('asks for the master "mymaster" unless it is named, and uses TLS for the Sentinels too', () => {
    expect(readTarget('rediss-sentinel://s1')).toMatchObject({
      name: 'mymaster',
      tls: {},
      sentinelTLS: {},
      enableTLSForSentinelMode: true,
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
  ['redis://localhost:65536', 'write each as host:port'],
  ['redis://ann:pass@', 'names no host'],
  ['redis://localhost?node=other', 'a parameter that means nothing here; known: family'],
  ['redis://localhost?password=x', 'a password stands before the host'],
  ['redis://localhost?db=1', 'the database stands behind the host'],
  ['redis-cluster://localhost?master=shop', 'a parameter that means nothing here; known: node'],
  ['redis-cluster://localhost/1', 'a Cluster has no database but 0'],
  ['redis-cluster://localhost?node=a:b', 'write each as host:port'],
  ['redis-cluster://localhost?node=redis://other', 'write each as host:port'],
  ['redis-sentinel://localhost?name=shop', 'a parameter that means nothing here'],
  ['redis+unix://localhost/run/redis.sock', 'no host but the path of a socket'],
  ['redis+unix://', 'no host but the path of a socket'],
  ['redis+unix:///run/redis.sock?db=one', 'the database must be a number'],
  ['redis+unix:///run/redis.sock?password=x', 'a password stands before the host'],
  ['unix:///run/redis.sock', 'is written redis+unix:///path/to/redis.sock'],
  ['redis-socket:///run/redis.sock', 'is written redis+unix:///path/to/redis.sock'],
  ['/run/redis.sock', 'is written redis+unix:///path/to/redis.sock'],
])('%s is refused: %s', (url, words) => {
  expect(() => readTarget(url)).toThrow(ConfigurationError);
  expect(() => readTarget(url)).toThrow(words);
});

test.each([
  ['/', '%2F'],
  ['#', '%23'],
  ['?', '%3F'],
  ['%', '%25'],
  ['/a@', '%40'],
])('a password with %s, which is not percent-encoded, is refused with what to write', (character, encoded) => {
  const url = `redis://ann:pass${character}word@localhost:6379`;
  expect(() => readTarget(url)).toThrow(ConfigurationError);
  expect(() => readTarget(url)).toThrow(`${character[0]} as ${encoded.replace('%40', '%2F')}`);
});

test('the description of a target says where it leads to', () => {
  expect(
    [
      'redis://ann:secret@localhost:7000/3',
      'redis-sentinel://:secret@s1?node=s2:1&master=shop&sentinelPassword=secret',
      'redis+unix://ann:secret@/run/redis.sock?db=1',
      { host: 'localhost', password: 'secret' },
      { path: '/run/redis.sock', password: 'secret' },
      { nodes: ['a', 'b'].map((host) => ({ host, port: 1 })), redisOptions: { password: 'secret' } },
      { sentinels: [{ host: 's1', port: 1 }], name: 'shop', password: 'secret' },
    ].map((target) => describeTarget(target)),
  ).toEqual([
    'redis://***@localhost:7000/3',
    'redis-sentinel://***@s1,s2:1',
    'redis+unix://***@/run/redis.sock',
    'redis://localhost:6379',
    'redis+unix:///run/redis.sock',
    'redis-cluster://a:1,b:1',
    'redis-sentinel://s1:1?master=shop',
  ]);
});
