import type pg from 'pg';
import { onTestFinished } from 'vitest';
import { createTableSql } from '../../cli/relay/table-definition.js';
import { start } from './command.js';
import { connect, query } from './postgres.js';
import type { PostgresServer } from './postgres.js';
import type { Place } from './tally.js';
import { until } from './tally.js';

export interface MarkedRow {
  readonly id: string;
  readonly outcome: string | null;
  readonly reason: string | null;
}

/** The table of a service, in a database of its own. */
export interface OutboxOfTest {
  readonly url: string;
  /** A session of the service. */
  readonly client: pg.Client;
  /** Writes rows in one statement. @returns their ids */
  insert(...updates: readonly { operation: string; params: unknown }[]): Promise<string[]>;
  rows(): Promise<MarkedRow[]>;
  untilProcessed(limitMs?: number): Promise<MarkedRow[]>;
}

export async function createOutbox(server: PostgresServer): Promise<OutboxOfTest> {
  const url = await server.database();
  await query(url, createTableSql('outbox'));
  const client = await connect(url);
  onTestFinished(() => client.end());
  const rows = () => query<MarkedRow>(url, 'select id::text, outcome, reason from outbox order by outbox.id');
  return {
    url,
    client,
    rows,
    insert: (...updates) => insertRows(client, updates),
    untilProcessed: async (limitMs) => {
      await until(
        'every row has an outcome',
        async () =>
          (await query(url, 'select from outbox where processed_at is null limit 1').catch(() => [0])).length === 0,
        limitMs,
      );
      return rows();
    },
  };
}

export async function insertRows(
  client: pg.Client,
  updates: readonly { readonly operation: string; readonly params: unknown }[],
): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `insert into outbox (operation, params)
     select operation, params::jsonb from unnest($1::text[], $2::text[]) with ordinality as u (operation, params, place)
     order by place returning id::text`,
    [updates.map(({ operation }) => operation), updates.map(({ params }) => JSON.stringify(params))],
  );
  return rows.map(({ id }) => id);
}

/**
 * The step of a chain that takes a cell from the value before to this one, 1 or more. Every other step says what it expects, and is of another
 * operation, so of another job: a step that comes out of turn is rejected, or makes the next one so.
 */
export function stepOfChain(key: string, value: number): { operation: string; params: object } {
  return value % 2 === 0
    ? { operation: 'counter.set', params: { key, value, expected: value - 1 } }
    : { operation: 'counter.increment', params: { key, by: 1, max: value } };
}

/** What `tally relay` and its like read of a test's place. */
export function environmentOf({ redis, namespace, prefix }: Place): Record<string, string> {
  return { REDIS_URL: redis, TALLY_NAMESPACE: namespace, TALLY_PREFIX: prefix };
}

/**
 * Kills a relay, and what its session has not done yet: Postgres goes on with a statement that waits for a lock, whose client is gone.
 *
 * @param locker which ends that lock by a rollback
 */
export async function killRelay(relay: ReturnType<typeof startRelay>, locker: pg.Client): Promise<void> {
  relay.child.kill('SIGKILL');
  await relay.ended;
  const mine = `from pg_stat_activity where application_name = 'tally-relay' and datname = current_database()`;
  await locker.query(`select pg_terminate_backend(pid) ${mine}`);
  await until('its session has ended', async () => {
    await locker.query('select pg_stat_clear_snapshot()');
    return (await locker.query(`select ${mine}`)).rowCount === 0;
  });
  await locker.query('rollback');
}

/** Starts `tally relay` as a process of its own. */
export function startRelay(
  here: Place,
  from: string,
  args: readonly string[] = [],
  environment: Record<string, string> = {},
): ReturnType<typeof start> {
  const relay = start(['relay', '--from', from, '--poll', '50', ...args], { ...environmentOf(here), ...environment });
  onTestFinished(async () => {
    relay.child.kill('SIGKILL');
    await relay.ended;
  });
  return relay;
}
