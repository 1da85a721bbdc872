import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { inspectTable } from '../../cli/relay/inspect-table.js';
import { NotAlone, Outbox } from '../../cli/relay/outbox.js';
import { createTableSql } from '../../cli/relay/table-definition.js';
import { createOutbox, insertRows, killRelay, startRelay, stepOfChain } from '../support/outbox.js';
import { connect, NO_POSTGRES, query, startPostgres } from '../support/postgres.js';
import type { PostgresServer } from '../support/postgres.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

async function waitingJobs({ client, partition }: Place): Promise<number> {
  return client.forSlot(partition.slot).llen(`${partition.prefix}:counters:wait`);
}

if (NO_POSTGRES !== undefined) {
  process.stderr.write(`tests of tally relay are left out: ${NO_POSTGRES}\n`);
}

const increment = (key: string, by = 1) => ({ operation: 'counter.increment', params: { key, by } });
const decrement = (key: string, by: number) => ({ operation: 'counter.decrement', params: { key, by } });

describe.skipIf(NO_POSTGRES !== undefined)('tally relay', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
    return () => server.remove();
  });

  test('rows that a service commits are applied once and marked, also a lower id that is committed later; rows rolled back never', async () => {
    const here = place();
    const outbox = await createOutbox(server);
    await here.worker();
    const key = here.key('orders');
    await outbox.client.query('begin');
    const [first] = await insertRows(outbox.client, [increment(key, 1)]);
    const other = await connect(outbox.url);
    onTestFinished(() => other.end());
    const [second] = await insertRows(other, [increment(key, 10)]);
    await other.query('begin');
    await insertRows(other, [increment(key, 100)]);
    await other.query('rollback');
    await other.query('begin');
    await other.query('savepoint part');
    await insertRows(other, [increment(key, 1_000)]);
    await other.query('rollback to part');
    await insertRows(other, [increment(key, 10_000)]);
    await other.query('commit');

    const relay = startRelay(here, outbox.url);
    await until('what is committed is applied', async () => (await here.client.get(key)) === '10010');
    expect(Number(first)).toBeLessThan(Number(second));
    await outbox.client.query('commit');
    const rows = await outbox.untilProcessed();
    expect(rows.map(({ outcome, reason }) => ({ outcome, reason }))).toEqual(
      Array.from({ length: 3 }, () => ({ outcome: 'applied', reason: null })),
    );
    expect(await here.client.get(key)).toBe('10011');
    relay.child.kill('SIGTERM');
    expect(await relay.ended).toMatchObject({ code: 0 });
  });

  test('a cell has one update at a time: what fails in a batch is not overtaken, and not put back behind others', async () => {
    const here = place();
    const outbox = await createOutbox(server);
    await here.worker();
    const key = here.key('stock');
    await here.client.set(key, '1');
    await outbox.insert(
      increment(key, Number.MAX_SAFE_INTEGER), // leaves the range, and would not any more after the next one
      decrement(key, 10),
      ...Array.from({ length: 20 }, (_, n) => increment(here.key(`other-${n}`))),
    );
    startRelay(here, outbox.url);
    const rows = await outbox.untilProcessed();
    expect(rows.slice(0, 3)).toMatchObject([
      { outcome: 'failed', reason: expect.stringContaining('OUT_OF_RANGE') as string },
      { outcome: 'applied' },
      { outcome: 'applied' },
    ]);
    expect(await here.client.get(key)).toBe('-9');
  });

  test('rows that are no updates are set aside with the reason in the row, and hold up nobody', async () => {
    const here = place();
    const outbox = await createOutbox(server);
    await here.worker();
    const key = here.key('n');
    await here.client.lpush(here.key('list'), 'x');
    await outbox.insert(
      { operation: 'counter.incremnt', params: { key } },
      { operation: 'counter.increment', params: { key, by: 0 } },
      { operation: 'counter.increment', params: null },
      { operation: 'counter.increment', params: { key: `${here.namespace}:x` } },
      increment(here.key('list')),
      { operation: 'inventory.take', params: { key: here.key('none'), quantity: 1, whenShort: 'reject' } },
      increment(key, 5),
    );
    await outbox.client.query(
      `insert into outbox (operation, params) values ('counter.increment', '{"key":"k","by":1.00000000000000000001}')`,
    );
    startRelay(here, outbox.url);
    const rows = await outbox.untilProcessed();
    expect(rows.map(({ outcome, reason }) => [outcome, reason?.split(': ').slice(0, 2).join(': ')])).toEqual([
      ['invalid', 'UNKNOWN_OPERATION: operation'],
      ['invalid', 'INVALID_PARAMS: params.by'],
      ['invalid', expect.stringMatching(/^INVALID_PARAMS: params/)],
      ['invalid', 'RESERVED_KEY: params.key'],
      ['failed', expect.stringMatching(/^WRONG_TYPE: /)],
      ['rejected', expect.stringMatching(/^INSUFFICIENT_STOCK: /)],
      ['applied', undefined],
      ['invalid', expect.stringMatching(/^INVALID_PARAMS: params/)],
    ]);
    expect(rows[0]?.reason).toContain('did you mean "counter.increment"?');
    expect(await here.client.get(key)).toBe('5');

    // Mended: it is sent once more, with the same id.
    await here.client.del(here.key('list'));
    await outbox.client.query(
      `update outbox set processed_at = null, outcome = null, reason = null where outcome = 'failed'`,
    );
    await outbox.untilProcessed();
    expect(await here.client.get(here.key('list'))).toBe('1');
  });

  test('with --delete rows that are applied are removed, the others stay with their reason', async () => {
    const here = place();
    const outbox = await createOutbox(server);
    await here.worker();
    const key = here.key('n');
    await outbox.insert(...Array.from({ length: 300 }, () => increment(key)), increment(key, -1));
    startRelay(here, outbox.url, ['--delete']);
    await outbox.untilProcessed();
    await until('applied ones are gone', async () => (await outbox.rows()).length === 1);
    expect(await outbox.rows()).toMatchObject([{ id: '301', outcome: 'invalid' }]);
    expect(await here.client.get(key)).toBe('300');
  });

  test('what a relay had sent when it was killed, and could not mark, is not applied again', async () => {
    const here = place();
    const outbox = await createOutbox(server);
    const [applied, waiting] = [here.key('applied'), here.key('waiting')];
    const first = startRelay(here, outbox.url);
    await outbox.insert(increment(applied));
    await until('it is sent', async () => (await waitingJobs(here)) === 1);
    const locker = await connect(outbox.url);
    onTestFinished(() => locker.end());
    await locker.query('begin');
    await locker.query('select from outbox for update'); // so that it can't be marked
    const worker = await here.worker();
    await until('it is applied', async () => (await here.client.get(applied)) === '1');
    await worker.close();
    await killRelay(first, locker);
    expect(await outbox.rows()).toMatchObject([{ outcome: null }]);

    await outbox.insert(increment(waiting));
    const second = startRelay(here, outbox.url);
    await until('the other is sent', async () => (await waitingJobs(here)) === 1);
    second.child.kill('SIGKILL');
    await second.ended;

    startRelay(here, outbox.url);
    await until('it is sent again', async () => (await waitingJobs(here)) === 2);
    await here.worker();
    expect((await outbox.untilProcessed()).map(({ outcome }) => outcome)).toEqual(['applied', 'applied']);
    expect([await here.client.get(applied), await here.client.get(waiting)]).toEqual(['1', '1']);
  });

  test('two tables with the same ids, in two databases, do not share keys', async () => {
    const here = place();
    const [one, other] = [await createOutbox(server), await createOutbox(server)];
    await here.worker();
    const key = here.key('n');
    await one.insert(increment(key));
    await other.insert(increment(key));
    startRelay(here, one.url);
    startRelay(here, other.url);
    await Promise.all([one.untilProcessed(), other.untilProcessed()]);
    expect(await here.client.get(key)).toBe('2');
  });

  test('ids that begin anew after a truncate are new keys; a row that is sent again keeps its own', async () => {
    const here = place();
    const outbox = await createOutbox(server);
    await here.worker();
    const key = here.key('n');
    await outbox.insert(increment(key));
    startRelay(here, outbox.url);
    await outbox.untilProcessed();
    await outbox.client.query('truncate outbox restart identity');
    expect(await outbox.insert(increment(key))).toEqual(['1']);
    expect(await outbox.untilProcessed()).toMatchObject([{ outcome: 'applied' }]);
    expect(await here.client.get(key)).toBe('2');
    await outbox.client.query('vacuum full outbox');
    await outbox.client.query('update outbox set processed_at = null, outcome = null');
    await outbox.untilProcessed();
    expect(await here.client.get(key)).toBe('2');
  });

  test('a row that names a bucket counts in that of its own time', async () => {
    const here = place();
    const outbox = await createOutbox(server);
    await here.worker();
    const key = here.key('views');
    await outbox.client.query(
      `insert into outbox (operation, params, created_at) values ($1, $2, '2026-03-04T05:06:07Z')`,
      ['counter.increment', JSON.stringify({ key, bucket: 'day' })],
    );
    startRelay(here, outbox.url);
    await outbox.untilProcessed();
    expect(await here.client.get(`${key}:2026-03-04`)).toBe('1');
  });

  test('the second relay of a table stands by, and takes over when the first is killed; only one has rows, in order', async () => {
    const here = place();
    const outbox = await createOutbox(server);
    await here.worker();
    const keys = Array.from({ length: 10 }, (_, n) => here.key(`chain-${n}`));
    const chain = (from: number, to: number) =>
      outbox.insert(
        ...Array.from({ length: to - from }, (_, n) => from + n).flatMap((n) => keys.map((key) => stepOfChain(key, n))),
      );
    await chain(1, 31);
    const relays = [startRelay(here, outbox.url), startRelay(here, outbox.url)];
    await until('one stands by', () => relays.some(({ output }) => output.stdout.includes('standing by')));
    await outbox.untilProcessed();
    await chain(31, 61);
    const standing = relays.find(({ output }) => output.stdout.includes('standing by'));
    relays.find((relay) => relay !== standing)?.child.kill('SIGKILL');
    const rows = await outbox.untilProcessed();
    expect(new Set(rows.map(({ outcome, reason }) => reason ?? outcome))).toEqual(new Set(['applied']));
    expect(await Promise.all(keys.map((key) => here.client.get(key)))).toEqual(keys.map(() => '60'));
    expect(standing?.output.stdout).toContain('relaying rows');
  });

  test('two relays behind a pooler that gives them one session: the one before takes no more rows', async () => {
    const { url } = await createOutbox(server);
    const client = await connect(url);
    onTestFinished(() => client.end());
    const table = await inspectTable(client, {
      table: 'outbox',
      owner: undefined,
      deleteApplied: false,
      ordered: true,
    });
    const [first, second] = [new Outbox(client, table), new Outbox(client, table)];
    expect(await first.lock()).toBe(true);
    expect(await first.take(10, new Date())).toEqual([]);
    expect(await second.lock()).toBe(true); // as Postgres sees it, they are one
    await insertRows(client, [increment('k')]);
    await expect(first.take(10, new Date())).rejects.toThrow(NotAlone);
    expect(await second.take(10, new Date())).toMatchObject([{ id: '1' }]);
  });

  test('a relay that is stopped marks what it has sent and gives back the rest', async () => {
    const here = place();
    const outbox = await createOutbox(server);
    const key = here.key('n');
    await outbox.insert(...Array.from({ length: 50 }, () => increment(key)));
    const relay = startRelay(here, outbox.url, [], { TALLY_CLOSE_TIMEOUT_MS: '1000' });
    await until('it is sent', async () => (await waitingJobs(here)) > 0);
    relay.child.kill('SIGTERM');
    expect(await relay.ended).toMatchObject({ code: 0 });
    const [taken] = await query<{ count: string }>(
      outbox.url,
      'select count(*) from outbox where resend_until is not null',
    );
    expect(taken?.count).toBe('1'); // the one that waits for a worker; those behind it were not sent
  });

  test('what stands longer than keys are remembered is not sent again, but set aside as unknown', async () => {
    const here = place();
    const outbox = await createOutbox(server);
    await here.worker();
    const key = here.key('n');
    await outbox.insert(increment(key), increment(key));
    await query(outbox.url, `update outbox set sent_as = 'orders', resend_until = now() - interval '1 s' where id = 1`);
    startRelay(here, outbox.url);
    const [old, next] = await outbox.untilProcessed();
    expect(old).toMatchObject({ outcome: 'unknown', reason: expect.stringMatching(/^TOO_OLD: /) as string });
    expect(next).toMatchObject({ outcome: 'applied' });
    expect(await here.client.get(key)).toBe('1');
  });

  test('metrics tell how far it is behind', async () => {
    const here = place();
    const outbox = await createOutbox(server);
    await outbox.client.query(
      `insert into outbox (operation, params, created_at)
       select 'counter.increment', '{"key":"k","by":0}', now() - interval '1 hour' from generate_series(1, 7)`,
    );
    const blocker = await connect(outbox.url);
    onTestFinished(() => blocker.end());
    await blocker.query('begin');
    await blocker.query('select from outbox for update'); // so that none is taken
    const relay = startRelay(here, outbox.url, [], { TALLY_METRICS_PORT: '0' });
    const scrape = async () => {
      const [url] = /http:\/\/[^" ]+\/metrics/.exec(relay.output.stdout) ?? [];
      return url === undefined ? '' : (await fetch(url)).text();
    };
    await until('it tells', async () => (await scrape()).includes('tally_relay_rows_waiting{table="outbox"} 7'));
    expect(Number(/oldest_row_age_seconds\{table="outbox"\} (\S+)/.exec(await scrape())?.[1])).toBeGreaterThan(3_599);
    expect(await scrape()).toContain('tally_relay_active{table="outbox"} 1');
    await blocker.query('rollback');
    await outbox.untilProcessed();
    await until('it tells', async () => {
      const text = await scrape();
      return (
        text.includes('tally_relay_rows_waiting{table="outbox"} 0') &&
        text.includes('tally_relay_oldest_row_age_seconds{table="outbox"} 0') &&
        text.includes('tally_relay_rows_total{table="outbox",outcome="invalid"} 7')
      );
    });
  });

  test('the SQL of the docs and of the example is what --create-table runs, and the rights of the example do', async () => {
    const here = place();
    const file = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
    const example = file('examples/25-outbox.sql').replaceAll('stock:lamp', here.key('lamp'));
    expect(file('docs/relay.md')).toContain(createTableSql('outbox'));
    expect(example).toContain(createTableSql('shop.outbox'));
    await here.client.set(here.key('lamp'), '5');
    await here.worker();
    const url = await server.database();
    await query(url, example);
    const relay = startRelay(here, url.replace(/tally:[^@]+/, 'relay:secret'), ['--table', 'shop.outbox']);
    await until('it is marked', async () => {
      const [row] = await query<{ outcome: string | null }>(url, 'select outcome from shop.outbox');
      return row?.outcome === 'applied';
    });
    expect(await here.client.get(here.key('lamp'))).toBe('3');
    relay.child.kill('SIGTERM');
    expect(await relay.ended).toMatchObject({ code: 0 });
  });
});
