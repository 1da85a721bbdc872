import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import type { OutboxTable } from './inspect-table.js';

/** A row that this relay has taken. */
export interface OutboxRow {
  readonly id: string;
  readonly operation: string;
  /** As JSON; null where the table allows it, or when they are too long. */
  readonly params: string | null;
  readonly isTooLong: boolean;
  /** Null where the table allows it. */
  readonly createdAtMs: number | null;
  /** Whose its id is as idempotency key. */
  readonly sentAs: string;
  /** Redis' time until which the key of any sending so far is remembered, in ms. */
  readonly resendUntilMs: number;
}

/** What is written into a row. */
export interface RowEnd {
  readonly id: string;
  /** The status of its update, or `invalid`, where it is none. */
  readonly outcome: 'applied' | 'rejected' | 'conflict' | 'cancelled' | 'failed' | 'unknown' | 'invalid';
  /** A code and words; none for `applied`. */
  readonly reason: string | null;
}

export interface Lag {
  /** Rows that wait, 100,001 for more than that. */
  readonly waiting: number;
  /** Since the first of them was written; 0 when none waits. */
  readonly oldestSeconds: number;
}

/** 'tall', before the number of the table: so that only relays of one table meet. */
const LOCK_SPACE = 0x74616c6c;

const MOST_COUNTED = 100_001;

/** More than any relay holds. */
const MOST_LEFT_OVER = 100_000;

/** As many bytes as the HTTP API takes: a row that is larger is no update, and need not be read. */
const LONGEST_PARAMS = 1024 * 1024;

const IS_TOO_LONG = `octet_length(o.params::text) > ${LONGEST_PARAMS}`;

const ROW = `o.id::text as id, o.operation, o.sent_as as "sentAs",
  case when not (${IS_TOO_LONG}) then o.params::text end as params, coalesce(${IS_TOO_LONG}, false) as "isTooLong",
  extract(epoch from o.created_at)::float8 * 1000 as "createdAtMs",
  extract(epoch from o.resend_until)::float8 * 1000 as "resendUntilMs"`;

/** Another session has this relay's place: a pooler before Postgres gives one connection to several. */
export class NotAlone extends Error {}

/**
 * The table of a service, over one session of Postgres. Only who has {@link lock} may take rows. A row is waiting, then taken (with
 * `resend_until`), then processed.
 */
export class Outbox {
  readonly #session = randomUUID();

  constructor(
    private readonly client: Client,
    private readonly table: OutboxTable,
  ) {}

  /** Whether this session is now the one that takes rows, until it ends. */
  async lock(): Promise<boolean> {
    const { rows } = await this.client.query<{ locked: boolean }>(
      'select pg_try_advisory_lock(($1::int8 << 32) | $2::int8) as locked',
      [LOCK_SPACE, this.table.oid],
    );
    const [{ locked } = { locked: false }] = rows;
    if (locked) {
      await this.client.query(`select set_config('tally.relay', $1, false)`, [this.#session]);
    }
    return locked;
  }

  /**
   * Takes rows of a relay that has ended: they may have been sent.
   *
   * @param until until when, by Redis' clock, the key of what is sent from now on is remembered
   */
  async takeOver(until: Date): Promise<OutboxRow[]> {
    const sql = `update ${this.table.name} as o set resend_until = least(o.resend_until, $1::timestamptz)
      where o.processed_at is null and o.resend_until is not null and ${this.#isMine('$2')} returning ${ROW}`;
    const rows = await this.#take(sql, [until.toISOString(), this.#session]);
    if (rows.length > MOST_LEFT_OVER) {
      throw new Error(`${rows.length} rows have resend_until: only the relay may write it`);
    }
    return rows;
  }

  /** Takes the first rows that wait. Those that become visible later come later, whatever their ids are. */
  async take(limit: number, until: Date): Promise<OutboxRow[]> {
    const { name, owner } = this.table;
    const sql = `with next as materialized (
        select id from ${name} where processed_at is null and resend_until is null order by id limit $1
      )
      update ${name} as o set sent_as = coalesce(o.sent_as, ${owner}), resend_until = $2::timestamptz from next
      where o.id = next.id and o.processed_at is null and o.resend_until is null and ${this.#isMine('$3')} returning ${ROW}`;
    return this.#take(sql, [limit, until.toISOString(), this.#session]);
  }

  /** Takes rows anew that were not sent. @returns those that still wait */
  async renew(ids: readonly string[], until: Date): Promise<OutboxRow[]> {
    const sql = `update ${this.table.name} as o set resend_until = $2::timestamptz
      where o.id = any($1::int8[]) and o.processed_at is null and o.resend_until is not null and ${this.#isMine('$3')} returning ${ROW}`;
    return this.#take(sql, [ids, until.toISOString(), this.#session]);
  }

  /** Gives rows back that were not sent. */
  async release(ids: readonly string[]): Promise<void> {
    await this.client.query(
      `update ${this.table.name} as o set resend_until = null
       where o.id = any($1::int8[]) and o.processed_at is null and ${this.#isMine('$2')}`,
      [ids, this.#session],
    );
  }

  /** Writes what became of rows. */
  async mark(ends: readonly RowEnd[]): Promise<void> {
    if (ends.length === 0) {
      return;
    }
    await this.client.query(
      `update ${this.table.name} as o
       set processed_at = now(), outcome = e.outcome, reason = e.reason, resend_until = null
       from unnest($1::int8[], $2::text[], $3::text[]) as e (id, outcome, reason)
       where o.id = e.id and o.processed_at is null`,
      [
        ends.map(({ id }) => id),
        ends.map(({ outcome }) => outcome),
        ends.map(({ reason }) => reason && storable(reason)),
      ],
    );
  }

  /** Removes rows whose updates are applied. */
  async remove(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) {
      await this.client.query(`delete from ${this.table.name} where id = any($1::int8[]) and processed_at is null`, [
        ids,
      ]);
    }
  }

  async lag(): Promise<Lag> {
    const waiting = `from ${this.table.name} where processed_at is null`;
    const { rows } = await this.client.query<{ waiting: number; oldest: number | null }>(
      `select (select count(*)::int from (select ${waiting} limit ${MOST_COUNTED}) as counted) as waiting,
         (select extract(epoch from now() - created_at)::float8 ${waiting} order by id limit 1) as oldest`,
    );
    const [{ waiting: count, oldest } = { waiting: 0, oldest: null }] = rows;
    return { waiting: count, oldestSeconds: Math.max(0, oldest ?? 0) };
  }

  /** A session that several share holds one lock for all of them. Only the latest of them finds its own name there. */
  #isMine(parameter: string): string {
    return `current_setting('tally.relay', true) = ${parameter}`;
  }

  async #take(sql: string, values: readonly unknown[]): Promise<OutboxRow[]> {
    const { rows } = await this.client.query<OutboxRow>(sql, [...values]);
    if (rows.length === 0) {
      const asked = await this.client.query<{ mine: boolean | null }>(`select ${this.#isMine('$1')} as mine`, [
        this.#session,
      ]);
      if (asked.rows[0]?.mine !== true) {
        throw new NotAlone(
          'another relay has this session of Postgres: connect without a pooler, or with one in session mode',
        );
      }
    }
    return rows.sort((one, other) => compareIds(one.id, other.id));
  }
}

/** A text of Postgres has no character 0; nobody reads more. */
function storable(text: string): string {
  return text.replaceAll('\0', '\\0').slice(0, 2_000);
}

/** Of decimal texts, which may be longer than numbers are exact. */
function compareIds(one: string, other: string): number {
  const [a, b] = [BigInt(one), BigInt(other)];
  return a < b ? -1 : a > b ? 1 : 0;
}
