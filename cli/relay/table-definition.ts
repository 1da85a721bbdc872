import { ConfigurationError } from '../../src/errors.js';

/** What a column must be, and how to add one that is missing. */
interface Column {
  readonly name: string;
  /** As `format_type` says it. */
  readonly types: readonly string[];
  /** What follows its name in `alter table ... add column`. */
  readonly definition: string;
  /** Whether the relay writes it; the others are the service's. */
  readonly written: boolean;
}

const timestamp = ['timestamp with time zone'];
const text = ['text', 'character varying'];

export const COLUMNS: readonly Column[] = [
  {
    name: 'id',
    types: ['bigint', 'integer'],
    definition: 'bigint generated always as identity primary key',
    written: false,
  },
  { name: 'operation', types: text, definition: 'text not null', written: false },
  { name: 'params', types: ['jsonb', 'json', 'text'], definition: 'jsonb not null', written: false },
  { name: 'created_at', types: timestamp, definition: 'timestamptz not null default now()', written: false },
  { name: 'sent_as', types: text, definition: 'text', written: true },
  { name: 'resend_until', types: timestamp, definition: 'timestamptz', written: true },
  { name: 'processed_at', types: timestamp, definition: 'timestamptz', written: true },
  { name: 'outcome', types: text, definition: 'text', written: true },
  { name: 'reason', types: text, definition: 'text', written: true },
];

const NAME = /^(?:"[^"]+"|[a-z_][\w$]*)(?:\.(?:"[^"]+"|[a-z_][\w$]*))?$/i;

/**
 * What `tally relay --create-table` runs. Every row is written three times: there is room for that on its page, and the index of what waits
 * is cleaned often.
 *
 * @param table as SQL writes it, such as `shop.outbox`
 * @throws ConfigurationError for what is no name of a table
 */
export function createTableSql(table: string): string {
  if (!NAME.test(table)) {
    throw new ConfigurationError(`--table must be the name of a table, such as shop.outbox, but is "${table}"`);
  }
  const columns = COLUMNS.map(({ name, definition }) => `  ${name} ${definition}`).join(',\n');
  return `create table if not exists ${table} (
${columns}
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
${createIndexSql(table)}`;
}

/** Of the rows that wait. */
export function createIndexSql(table: string): string {
  const [name = ''] = table.replaceAll('"', '').split('.').slice(-1);
  const isPlain = /^[a-z_][a-z0-9_]*$/.test(name);
  const index = isPlain ? `${name}_waiting` : `"${name}_waiting"`;
  return `create index if not exists ${index} on ${table} (id) where processed_at is null;`;
}
