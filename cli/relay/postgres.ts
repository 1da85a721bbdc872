import type pg from 'pg';
import { ConfigurationError } from '../../src/errors.js';

/** A server that is there answers sooner; a query that locks hold up is given up before its session is. */
const CONNECT_TIMEOUT_MS = 10_000;
const QUERY_TIMEOUT_MS = 60_000;

/**
 * Rows are read as they are at each statement, whatever the database's default is. What this session commits is on disk, and so is all that
 * was committed before: a row that a service wrote with `synchronous_commit = off` can't be lost any more once it is taken. A session whose
 * relay is gone without a word ends within half a minute, so that another relay can take its place.
 */
const SESSION_SETTINGS = `
  set default_transaction_isolation = 'read committed';
  select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') in ('off', 'local');
  set statement_timeout = '50s';
  set lock_timeout = '10s';
  set tcp_keepalives_idle = 10;
  set tcp_keepalives_interval = 5;
  set tcp_keepalives_count = 3`;

/** What SQLSTATE begins with where waiting does not help. */
const SETTINGS_ARE_WRONG = ['28', '3D', '42'];

/** @throws ConfigurationError for what is no URL of a Postgres; it may hold a password, and is not shown */
export function checkPostgresUrl(url: string, from: string): void {
  const isUrl = URL.canParse(url) || /^postgres(ql)?:\/\/[^/]*@?\//.test(url); // with a socket, a URL may have no host
  if (!isUrl || !/^postgres(ql)?:$/.test(url.slice(0, url.indexOf('://') + 1))) {
    throw new ConfigurationError(`${from} must be a URL such as postgres://user@host:5432/database`);
  }
}

/**
 * Opens a session of its own.
 *
 * @throws ConfigurationError where it will be refused again: the password, the database, a right; with what Postgres said
 */
export async function openSession(url: string): Promise<pg.Client> {
  const { Client } = await importPg();
  const client = new Client({
    connectionString: url,
    application_name: 'tally-relay',
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
  });
  client.on('error', () => undefined); // whoever waits for an answer is told
  try {
    await client.connect();
    await client.query(SESSION_SETTINGS);
  } catch (error) {
    client.end().catch(() => undefined);
    throw explained(error, 'Postgres can not be used');
  }
  return client;
}

async function importPg(): Promise<typeof pg> {
  try {
    return (await import('pg')).default;
  } catch (error) {
    throw new ConfigurationError('tally relay needs the package pg beside Tally: npm install pg', { cause: error });
  }
}

/** Of Postgres, or of the way to it: then perhaps one for each address that was tried. */
interface PostgresError extends Error {
  readonly code?: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly errors?: readonly Error[];
}

/** An error with what Postgres said: its message, code, detail and hint. */
export function explained(error: unknown, what: string): Error {
  const { message, code, detail, hint, errors = [] } = error as PostgresError;
  const isSqlState = /^[0-9A-Z]{5}$/.test(code ?? '');
  const said = [
    [message, ...errors.map((one) => one.message)].find((text) => text !== '') ?? code,
    isSqlState && `(SQLSTATE ${code ?? ''})`,
    detail !== undefined && `- ${detail}`,
    hint !== undefined && `- hint: ${hint}`,
  ]
    .filter((part) => typeof part === 'string')
    .join(' ');
  return isSqlState && SETTINGS_ARE_WRONG.some((kind) => code?.startsWith(kind))
    ? new ConfigurationError(`${what}: ${said}`, { cause: error })
    : new Error(`${what}: ${said}`, { cause: error });
}
