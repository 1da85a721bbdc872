import { createHash } from 'node:crypto';
import type { Client } from 'pg';
import { ConfigurationError } from '../../src/errors.js';
import { nearest } from '../../src/lib/nearest.js';
import { explained } from './postgres.js';
import { COLUMNS, createIndexSql } from './table-definition.js';

/** A table that rows can be relayed from. */
export interface OutboxTable {
  readonly oid: string;
  /** As SQL writes it. */
  readonly name: string;
  /** SQL that tells whose the ids of its rows are as idempotency keys. */
  readonly owner: string;
  /** What an operator should know. */
  readonly warnings: readonly string[];
}

interface Flags {
  readonly table: string;
  readonly owner: string | undefined;
  readonly deleteApplied: boolean;
  readonly ordered: boolean;
}

interface FoundTable {
  readonly oid: string;
  readonly name: string;
  readonly fullName: string;
  readonly relkind: string;
  readonly database: string;
  readonly secured: boolean;
  readonly mayDelete: boolean;
  readonly isStandby: boolean;
  readonly hasUniqueId: boolean;
  readonly hasIndex: boolean;
  /** Of the sequence of its ids; null when it has none. */
  readonly cached: string | null;
  readonly sequence: string | null;
}

interface FoundColumn {
  readonly name: string;
  readonly type: string;
  readonly mayRead: boolean;
  readonly mayWrite: boolean;
  readonly isGenerated: boolean;
}

const TABLE_SQL = `
  select c.oid::int8, c.oid::regclass::text as name, n.nspname || '.' || c.relname as "fullName", c.relkind,
    current_database() as database, row_security_active(c.oid) as secured, pg_is_in_recovery() as "isStandby",
    has_table_privilege(c.oid, 'DELETE') as "mayDelete",
    exists (select from pg_index i where i.indrelid = c.oid and i.indisunique and i.indpred is null and i.indnkeyatts = 1
      and i.indkey[0] = a.attnum) as "hasUniqueId",
    exists (select from pg_index i where i.indrelid = c.oid and i.indkey[0] = a.attnum
      and pg_get_expr(i.indpred, c.oid) ilike '%processed_at IS NULL%') as "hasIndex",
    s.seqcache as cached, s.seqrelid::regclass::text as sequence
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
    left join pg_attribute a on a.attrelid = c.oid and a.attname = 'id' and not a.attisdropped
    left join pg_sequence s on s.seqrelid = to_regclass(pg_get_serial_sequence(c.oid::regclass::text, a.attname))
  where c.oid = to_regclass($1)`;

const COLUMNS_SQL = `
  select attname as name, format_type(atttypid, null) as type, attgenerated <> '' as "isGenerated",
    has_column_privilege(attrelid, attnum, 'SELECT') as "mayRead", has_column_privilege(attrelid, attnum, 'UPDATE') as "mayWrite"
  from pg_attribute where attrelid = $1::int8::oid and attnum > 0 and not attisdropped`;

/** @throws ConfigurationError that names the table or column, and the statement that mends it */
export async function inspectTable(client: Client, flags: Flags): Promise<OutboxTable> {
  const table = await findTable(client, flags.table);
  const { rows: columns } = await client.query<FoundColumn>(COLUMNS_SQL, [table.oid]);
  const faults = COLUMNS.flatMap((column) => faultsOf(column, columns, table.name));
  const { rows } = await client.query<{ name: string }>('select quote_ident(current_user) as name');
  const grant = (right: string) => `grant ${right} on ${table.name} to ${rows[0]?.name ?? ''}`;
  const unreadable = COLUMNS.filter(({ name }) => columns.some((found) => found.name === name && !found.mayRead));
  if (unreadable.length > 0) {
    faults.push(`the relay may not read ${listed(unreadable)}: ${grant('select')}`);
  }
  const unwritable = COLUMNS.filter(
    ({ name, written }) => written && columns.some((found) => found.name === name && !found.mayWrite),
  );
  if (unwritable.length > 0) {
    faults.push(`the relay may not write ${listed(unwritable)}: ${grant(`update (${listed(unwritable)})`)}`);
  }
  faults.push(...faultsOfTable(table, flags, grant));
  if (faults.length > 0) {
    throw new ConfigurationError(`table ${table.name} can't be relayed:\n${faults.map((it) => `  ${it}`).join('\n')}`);
  }
  const warnings = table.hasIndex
    ? []
    : [`table ${table.name} is read as a whole at every look: ${createIndexSql(table.name)}`];
  return {
    ...table,
    owner: flags.owner === undefined ? await ownerOf(client, table) : client.escapeLiteral(flags.owner),
    warnings,
  };
}

async function findTable(client: Client, given: string): Promise<FoundTable> {
  let rows: FoundTable[];
  try {
    ({ rows } = await client.query<FoundTable>(TABLE_SQL, [given]));
  } catch (error) {
    throw explained(error, `--table ${given}`);
  }
  const [table] = rows;
  if (table !== undefined) {
    return table;
  }
  const known = await client.query<{ name: string }>(
    `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema') limit 1000`,
  );
  const suggestion = nearest(
    given,
    known.rows.map(({ name }) => name),
  );
  const hint = suggestion === undefined ? 'make it by tally relay --create-table' : `did you mean ${suggestion}?`;
  throw new ConfigurationError(`there is no table ${given}: ${hint}`);
}

function faultsOf(
  { name, types, definition, written }: (typeof COLUMNS)[number],
  columns: readonly FoundColumn[],
  table: string,
): string[] {
  const found = columns.find((column) => column.name === name);
  if (found === undefined) {
    return [`it has no column ${name}: alter table ${table} add column ${name} ${definition}`];
  }
  if (!types.includes(found.type)) {
    return [`column ${name} is ${found.type}, and has to be ${types.join(' or ')}`];
  }
  return written && found.isGenerated ? [`column ${name} is generated, and the relay has to write it`] : [];
}

function faultsOfTable(table: FoundTable, flags: Flags, grant: (right: string) => string): string[] {
  const { name, relkind, secured, mayDelete, isStandby, hasUniqueId, cached, sequence } = table;
  const faults: string[] = [];
  if (relkind !== 'r' && relkind !== 'p') {
    faults.push('it is a view or a foreign table: name the table itself');
  }
  if (isStandby) {
    faults.push('this server is a standby, which takes no writes: --from has to lead to the primary');
  }
  if (secured) {
    faults.push('policies of row security may hide rows from this user: give it bypassrls, or disable them');
  }
  if (flags.deleteApplied && !mayDelete) {
    faults.push(`the relay may not delete rows: ${grant('delete')}`);
  }
  if (!hasUniqueId) {
    faults.push(`column id is not unique, and is what tells rows apart: alter table ${name} add unique (id)`);
  }
  if (flags.ordered && cached !== null && Number(cached) > 1) {
    faults.push(
      `the sequence of column id hands out ${cached} ids at a time, so that ids are not in the order of writes: ` +
        `alter sequence ${sequence ?? ''} cache 1, or relay it with --unordered`,
    );
  }
  return faults;
}

function listed(columns: readonly { readonly name: string }[]): string {
  return columns.map(({ name }) => name).join(', ');
}

/**
 * Two databases may both have a table outbox with ids from 1 on: they must not share keys. Nor must the table before and after a truncate
 * that lets ids begin anew: then Postgres gives it another file. Rows that were sent keep the owner that they had.
 */
async function ownerOf(client: Client, { oid, database, fullName }: FoundTable): Promise<string> {
  try {
    const { rows } = await client.query<{ id: string }>(
      'select system_identifier::text as id from pg_control_system()',
    );
    const place = JSON.stringify([rows[0]?.id, database, fullName]);
    const name = `relay:${createHash('sha256').update(place).digest('base64url').slice(0, 22)}`;
    return `concat('${name}.', pg_relation_filenode(${oid}))`;
  } catch (error) {
    throw new ConfigurationError(
      `Postgres does not say which server it is (${(error as Error).message}): name whose the ids of ${fullName} are by ` +
        '--owner, such as --owner orders, which no other table may use',
      { cause: error },
    );
  }
}
