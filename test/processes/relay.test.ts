import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { start } from '../support/command.js';
import { createOutbox, environmentOf, insertRows, killRelay, startRelay, stepOfChain } from '../support/outbox.js';
import { connect, NO_POSTGRES, query, startPostgres } from '../support/postgres.js';
import type { PostgresServer } from '../support/postgres.js';
import { startRedisWithClock } from '../support/redis-clock/redis-with-clock.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

async function begin() {
  skipUnlessOneServer('it kills a server of its own');
  const redis = await startRedisWithClock({ settings: ['--appendfsync', 'always'] });
  onTestFinished(() => redis.stop());
  return { redis, here: place(redis.url) };
}

function startWorker(here: Place) {
  const worker = start(['worker'], { ...environmentOf(here), LOG_LEVEL: 'warn' });
  onTestFinished(async () => {
    worker.child.kill('SIGKILL');
    await worker.ended;
  });
  return worker;
}

describe.skipIf(NO_POSTGRES !== undefined)('tally relay, when everything is killed', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
    return () => server.remove();
  });

  test('each committed row is applied once, in order per key, though relay, worker, Postgres and Redis are killed', async () => {
    const { redis, here } = await begin();
    const outbox = await createOutbox(server);
    const chains = Array.from({ length: 12 }, (_, n) => `chain-${n}`);
    const total = 'total';
    const relays = [startRelay(here, outbox.url), startRelay(here, outbox.url)];
    let worker = startWorker(here);
    const heights = new Map<string, number>(chains.map((key) => [key, 0]));
    let committed = 0;

    /** A service: each transaction writes to a chain and to the total, and a fifth of them are rolled back. */
    const write = async (count: number) => {
      const client = await connect(outbox.url);
      try {
        for (let n = 0; n < count; n += 1) {
          const key = chains[n % chains.length] ?? '';
          const value = (heights.get(key) ?? 0) + 1;
          const isLost = n % 5 === 2;
          await client.query('begin');
          await insertRows(client, [
            stepOfChain(key, value),
            { operation: 'counter.increment', params: { key: total } },
          ]);
          await client.query(isLost ? 'rollback' : 'commit');
          if (!isLost) {
            heights.set(key, value);
            committed += 1;
          }
        }
      } finally {
        await client.end();
      }
    };

    const killPostgres = async () => {
      await server.kill();
      await server.start();
    };
    const nemeses = [
      async () => {
        const [relay] = relays.splice(0, 1);
        relay?.child.kill('SIGKILL');
        await relay?.ended;
        relays.push(startRelay(here, outbox.url));
      },
      async () => {
        worker.child.kill('SIGKILL');
        await worker.ended;
        worker = startWorker(here);
      },
      killPostgres,
      async () => {
        await redis.kill();
        await redis.restart();
      },
    ];
    for (let round = 0; round < 8; round += 1) {
      const nemesis = nemeses[round % nemeses.length];
      if (nemesis === killPostgres) {
        await write(120);
        await nemesis();
      } else {
        await Promise.all([write(120), nemesis?.()]);
      }
    }
    await write(60);
    const rows = await outbox.untilProcessed(240_000);
    expect(rows).toHaveLength(committed * 2);
    expect(rows.filter(({ outcome }) => outcome !== 'applied')).toEqual([]);
    expect(await redis.run('GET', total)).toBe(String(committed));
    for (const [key, value] of heights) {
      expect([key, await redis.run('GET', key)]).toEqual([key, String(value)]);
    }
  }, 600_000);

  test('what was applied longer ago than keys are remembered, and is not marked, is set aside and not applied twice', async () => {
    const { redis, here } = await begin();
    const outbox = await createOutbox(server);
    const first = startRelay(here, outbox.url);
    await outbox.insert({ operation: 'counter.increment', params: { key: 'n' } });
    await until('it is sent', async () => Number(await redis.run('LLEN', `${here.prefix}:counters:wait`)) > 0);
    const locker = await connect(outbox.url);
    onTestFinished(() => locker.end());
    await locker.query('begin');
    await locker.query('select from outbox for update'); // so that it can't be marked
    startWorker(here);
    await until('it is applied', async () => (await redis.run('GET', 'n')) === '1');
    await killRelay(first, locker);

    redis.clock.advance(25 * HOUR + 11 * MINUTE); // keys are remembered for updates that are delayed by all of 24 hours, too
    startRelay(here, outbox.url);
    expect(await outbox.untilProcessed()).toMatchObject([
      { outcome: 'unknown', reason: expect.stringMatching(/^TOO_OLD: /) as string },
    ]);
    expect(await redis.run('GET', 'n')).toBe('1');
  }, 240_000);

  test('a relay that stands for longer than that with rows in hand takes them anew, when it had not sent them', async () => {
    const { redis, here } = await begin();
    const outbox = await createOutbox(server);
    const key = 'n';
    await outbox.insert(...Array.from({ length: 5 }, () => ({ operation: 'counter.increment', params: { key } })));
    const relay = startRelay(here, outbox.url);
    await until('the first is sent', async () => Number(await redis.run('LLEN', `${here.prefix}:counters:wait`)) > 0);
    relay.child.kill('SIGSTOP');
    redis.clock.advance(25 * HOUR);
    relay.child.kill('SIGCONT');
    startWorker(here);
    const rows = await outbox.untilProcessed();
    // The first waited in the queue for too long, as any update does; the others were not sent in that time.
    expect(rows.map(({ outcome }) => outcome)).toEqual(['unknown', 'applied', 'applied', 'applied', 'applied']);
    expect(await redis.run('GET', key)).toBe('4');
  }, 240_000);

  test('a row that its service committed without waiting for the disk is there for good before its update is applied', async () => {
    const { redis, here } = await begin();
    const outbox = await createOutbox(server);
    await query(server.url(), `alter system set wal_writer_delay = '10s'`); // who does not wait may lose 30 s
    await query(server.url(), 'select pg_reload_conf()');
    await query(outbox.url, `alter database ${new URL(outbox.url).pathname.slice(1)} set synchronous_commit = off`);
    startWorker(here);
    const relay = startRelay(here, outbox.url);
    await until('it relays', () => relay.output.stdout.includes('relaying rows'));
    const service = await connect(outbox.url);
    onTestFinished(() => service.end());
    await insertRows(service, [{ operation: 'counter.increment', params: { key: 'n' } }]);
    await until('it is applied', async () => (await redis.run('GET', 'n')) === '1');
    await server.kill();
    await server.start();
    expect(await outbox.rows()).toHaveLength(1);
    await query(server.url(), 'alter system reset wal_writer_delay');
    await query(server.url(), 'select pg_reload_conf()');
  }, 240_000);
});
