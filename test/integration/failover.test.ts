import { Writable } from 'node:stream';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { connectPatiently, connectPromptly } from '../../src/redis/connect.js';
import type { Connection } from '../../src/redis/connection.js';
import type { RedisTarget } from '../../src/redis/target.js';
import { startAddress } from '../support/address.js';
import { startUp } from '../support/command.js';
import { ownRedis, place, until } from '../support/tally.js';

/** Failovers behind one address, as managed Redis makes them: old connections live on, and lead to a replica. */

/** Much more than it takes, as the machine may be busy. */
const WITHIN_MS = 45_000;

interface Pair {
  /** Leads to the first server at the beginning. */
  readonly url: string;
  readonly first: Redis;
  readonly second: Redis;
  leadTo(server: Redis): void;
  /** How many connections were made by the address so far. */
  connections(): number;
  /** Makes the other server the master without a loss. New connections may lead to the old one still. */
  failOver(from: Redis, to: Redis): Promise<void>;
}

async function startPair(): Promise<Pair> {
  const servers = await Promise.all([ownRedis(), ownRedis()]);
  const [first, second] = servers.map(({ url }) => connectTo(url)) as [Redis, Redis];
  const address = await startAddress(servers[0].url);
  await follow(second, first);
  return {
    url: address.url,
    first,
    second,
    leadTo: (server) => {
      address.leadTo(`redis://127.0.0.1:${server.options.port}`);
    },
    connections: () => address.connections(),
    failOver: async (from, to) => {
      await follow(to, from);
      await from.call('FAILOVER', 'TO', '127.0.0.1', String(to.options.port));
      await until('the roles have changed', async () => {
        const info = await from.info('replication');
        return info.includes('role:slave') && info.includes('master_failover_state:no-failover');
      });
    },
  };
}

/** By which no connection leaves because nothing is said for 15 s: it is to find out otherwise. */
function patientTarget({ url }: Pair): RedisTarget {
  const { hostname: host, port } = new URL(url);
  return { host, port: Number(port), socketTimeout: 600_000 };
}

function connectTo(url: string): Redis {
  const redis = new Redis(url, { connectionName: 'the-test' });
  onTestFinished(() => {
    redis.disconnect();
  });
  return redis;
}

async function follow(replica: Redis, master: Redis): Promise<void> {
  await replica.replicaof('127.0.0.1', master.options.port ?? 0);
  await until('it follows', async () => (await replica.info('replication')).includes('master_link_status:up'));
  await until('its master knows', async () => (await master.info('replication')).includes('state=online'));
}

/** The connections of Tally and BullMQ that a server has. */
async function clientsOf(redis: Redis): Promise<string[]> {
  const list = String(await redis.client('LIST'));
  return [...list.matchAll(/ name=((?:tally|b-|bull)\S*)/g)].map(([, name]) => name!);
}

test('all parts of `tally up` follow the master, and /readyz and the log say why they do', async () => {
  const pair = await startPair();
  const up = await startUp({ REDIS_URL: pair.url });
  const origin = /http:\/\/127\.0\.0\.1:\d+/.exec(up.output.stdout)![0];
  const increment = (key: string) =>
    fetch(`${origin}/v1/updates?wait=5000`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ operation: 'counter.increment', params: { key: 'n' }, idempotencyKey: key }),
    });
  expect(await (await increment('before')).json()).toMatchObject({ updates: [{ status: 'applied' }] });
  await fetch(`${origin}/ops/queues/api/queues`);
  expect((await fetch(`${origin}/readyz`)).status).toBe(200);

  const clients = (await clientsOf(pair.first)).length;
  await pair.failOver(pair.first, pair.second);
  const before = pair.connections();
  const ready = await fetch(`${origin}/readyz`);
  expect(ready.status).toBe(503);
  expect(await ready.text()).toContain('READONLY');
  // The address leads to the old server for a while: it is found there, and left, again and again.
  await until('they have left twice', () => pair.connections() - before >= 2 * clients);
  pair.leadTo(pair.second);

  const sinceMs = performance.now();
  await until('an update is applied', async () => (await (await increment('after')).text()).includes('"applied"'));
  await until('it is ready', async () => (await fetch(`${origin}/readyz`)).status === 200);
  await until('no connection leads to the old server', async () => (await clientsOf(pair.first)).length === 0);
  expect(performance.now() - sinceMs).toBeLessThan(WITHIN_MS);
  expect((await fetch(`${origin}/ops/queues/api/queues`)).status).toBeLessThan(500);
  expect(await pair.second.get('n')).toBe('2');
  const said = up.output.stdout.split('\n').filter((line) => line.includes('READONLY'));
  const connections = said.flatMap((line) => (JSON.parse(line) as { connection?: string }).connection ?? []); // not of requests
  expect(connections).toContain('tally-worker');
  expect(connections).toHaveLength(new Set(connections).size); // once each
}, 180_000);

test('a worker alone that waits for jobs follows the master', async () => {
  const pair = await startPair();
  const here = place(pair.url);
  await here.worker({ redis: patientTarget(pair) });
  await pair.failOver(pair.first, pair.second);
  pair.leadTo(pair.second);
  const sinceMs = performance.now();
  const direct = here.producer({ redis: `redis://127.0.0.1:${pair.second.options.port}` });
  const submission = await direct.counters.increment({ key: here.key('n') });
  expect(await submission.outcome({ timeoutMs: WITHIN_MS })).toEqual({
    status: 'applied',
    result: { value: 1, applied: 1 },
  });
  await until('no connection leads to the old server', async () => (await clientsOf(pair.first)).length === 0);
  expect(performance.now() - sinceMs).toBeLessThan(WITHIN_MS);
}, 180_000);

test('a connection that only reads, and its copies that only wait, follow the master', async () => {
  const pair = await startPair();
  const connection = open(connectPatiently, patientTarget(pair), pino({ level: 'silent' }));
  const copy = (connection.forSlot(0) as Redis).duplicate();
  await pair.first.set('cell', '1');
  expect(await connection.get('cell')).toBe('1');
  await copy.ping();
  await pair.failOver(pair.first, pair.second);
  await pair.first.replicaof('127.0.0.1', 1); // it goes on answering reads, with what it had
  pair.leadTo(pair.second);
  await pair.second.set('cell', '2');

  // It begins to wait at the replica: no change of its role ends the read, and nothing is refused.
  const waiting = copy.xread('BLOCK', 0, 'STREAMS', 'events', '$');
  const waitsAt = async (server: Redis) => (await server.info('clients')).includes('blocked_clients:1');
  await until('the copy waits at the old server', () => waitsAt(pair.first));

  await until('it reads from the master', async () => (await connection.get('cell')) === '2');
  await until('the copy waits at the new one', () => waitsAt(pair.second));
  await pair.second.xadd('events', '*', 'name', 'added');
  expect(await waiting).toMatchObject([['events', [[expect.any(String), ['name', 'added']]]]]);
}, 180_000);

test('a copy that came back to the old server, and its connection to the new one, follows as well', async () => {
  const pair = await startPair();
  const connection = open(connectPatiently, patientTarget(pair), pino({ level: 'silent' }));
  const copy = (connection.forSlot(0) as Redis).duplicate();
  await Promise.all([connection.ping(), copy.ping()]);
  await pair.second.replicaof('127.0.0.1', pair.first.options.port ?? 0);
  const connections = pair.connections();
  pair.leadTo(pair.second); // a replica
  copy.disconnect(true);
  const waiting = copy.xread('BLOCK', 0, 'STREAMS', 'events', '$'); // as soon as it is connected
  await until('it connects', () => pair.connections() > connections);
  pair.leadTo(pair.first);

  const waits = async () => (await pair.first.info('clients')).includes('blocked_clients:1');
  await until('it waits at the master', waits);
  await pair.first.xadd('events', '*', 'name', 'added');
  expect(await waiting).toMatchObject([['events', [[expect.any(String), ['name', 'added']]]]]);
}, 180_000);

test('what was refused is sent once more, and once only; a transaction is not torn apart', async () => {
  const pair = await startPair();
  const connection = open(connectPatiently, pair.url, pino({ level: 'silent' }));
  await connection.set('counter', '0');
  const script = "redis.call('INCR', KEYS[1]) return ARGV[1]";
  const sha = String(await connection.script('LOAD', script));
  await pair.second.script('LOAD', script);
  await pair.failOver(pair.first, pair.second);

  const early = connection.incr('counter');
  await until('it was refused, and connects again', () => connection.disconnects > 0 && connection.status === 'ready');
  await expect(connection.multi().set('half', '1').incr('counter').exec()).rejects.toThrow(/EXECABORT/);
  pair.leadTo(pair.second);

  const single = Promise.all(Array.from({ length: 100 }, (_, n) => connection.evalsha(sha, 1, 'counter', n)));
  const pipeline = connection.pipeline();
  for (let n = 0; n < 300; n += 1) {
    pipeline.incr('counter');
  }
  const piped = await pipeline.exec();

  expect(await early).toEqual(expect.any(Number));
  expect(await single).toEqual(Array.from({ length: 100 }, (_, n) => String(n)));
  expect(piped?.map(([error]) => error)).toEqual(Array(300).fill(null));
  expect(await pair.second.mget('half', 'counter')).toEqual([null, '401']);
}, 180_000);

test('where no master is to be found, whoever waits is told READONLY at once, and the log says it once', async () => {
  const pair = await startPair();
  const lines: string[] = [];
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  const connection = open(connectPromptly, pair.url, 5_000, pino({ level: 'warn' }, sink));
  await connection.set('cell', '1');
  await pair.failOver(pair.first, pair.second);

  const untilMs = performance.now() + 7_000;
  while (performance.now() < untilMs) {
    const askedAtMs = performance.now();
    await expect(connection.set('cell', '2')).rejects.toThrow(/^READONLY/);
    expect(performance.now() - askedAtMs).toBeLessThan(4_000); // at 5,000 it would give up
  }
  expect(lines.filter((line) => line.includes('READONLY'))).toHaveLength(1);
  expect(connection.lastError?.message).toMatch(/^READONLY/);
  pair.leadTo(pair.second);
  await until('it writes', () =>
    connection.set('cell', '2').then(
      () => true,
      () => false,
    ),
  );
  await until('the fault is forgotten', () => connection.lastError === undefined);
}, 180_000);

test('of updates sent through several failovers each takes effect once', async () => {
  const pair = await startPair();
  const here = place(pair.url);
  const key = here.key('n');
  await here.worker();
  const producer = here.producer({ maxBatch: 10 });
  let sent = 0;
  let isOver = false;
  const sendAll = async () => {
    while (!isOver) {
      const idempotencyKey = here.key(String((sent += 1)));
      await until('an update is applied', () =>
        producer.counters.increment({ key }, { idempotencyKey }).then(
          async (submission) => (await submission.outcome()).status === 'applied',
          () => false, // it is sent again, with the same key
        ),
      );
    }
  };
  const sending = Promise.all(Array.from({ length: 20 }, sendAll));
  let [master, replica] = [pair.first, pair.second];
  for (let round = 0; round < 4; round += 1) {
    const before = sent;
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await until('updates are sent', () => sent > before + 30);
    await pair.failOver(master, replica);
    pair.leadTo(replica);
    [master, replica] = [replica, master];
  }
  isOver = true;
  await sending;
  expect(sent).toBeGreaterThan(100);
  expect(await master.get(key)).toBe(String(sent));
}, 180_000);

function open<Args extends unknown[]>(
  connect: (target: RedisTarget, name: string, ...args: [...Args]) => Connection,
  target: RedisTarget,
  ...args: Args
): Connection {
  const connection = connect(target, 'tally-test', ...args);
  onTestFinished(() => {
    connection.disconnectAll();
  });
  return connection;
}
