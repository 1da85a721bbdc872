import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePorts } from './topology/free-ports.js';

/** Ends the server when the pipe does that this process holds: with this process, however it ends. */
const WATCHED = `(read -r _ <&3 || kill -INT "$$") & exec "$@" 3<&-`;

const START_LIMIT_MS = 60_000;

/** Where the programs of Postgres are: on the PATH, or where Debian keeps them. */
function findPrograms(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((one, other) => Number(other) - Number(one)) : [];
  const folders = [
    ...(process.env['PATH'] ?? '').split(':'),
    ...versions.map((version) => join(debian, version, 'bin')),
  ];
  return folders.find((folder) => existsSync(join(folder, 'postgres')) && existsSync(join(folder, 'initdb')));
}

const programs = findPrograms();

/** Why tests with Postgres are left out here; undefined when they run. */
export const NO_POSTGRES =
  programs === undefined
    ? 'there is no Postgres: install it (Debian: apt-get install postgresql), initdb and postgres have to be on the PATH or in /usr/lib/postgresql'
    : undefined;

/** Postgres does not run as root. */
const user = process.getuid?.() === 0 ? otherUser() : undefined;

function otherUser(): { uid: number; gid: number } {
  const idOf = (flag: string, name: string) => Number(spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout);
  const name = idOf('-u', 'postgres') > 0 ? 'postgres' : 'nobody';
  return { uid: idOf('-u', name), gid: idOf('-g', name) };
}

/** A real server, on loopback, with a folder of its own. */
export interface PostgresServer {
  /** Of its superuser, in this database. */
  url(database?: string): string;
  /** Makes a database. @returns its URL */
  database(): Promise<string>;
  /** Its main process. */
  pid(): number;
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Stops it and removes its folder. */
  remove(): Promise<void>;
}

/** Starts a server. */
export async function startPostgres(): Promise<PostgresServer> {
  if (programs === undefined) {
    throw new Error(NO_POSTGRES);
  }
  const folder = mkdtempSync(join(tmpdir(), 'tally-postgres-'));
  const password = randomBytes(12).toString('hex');
  writeFileSync(join(folder, 'password'), password, { mode: 0o600 });
  if (user !== undefined) {
    for (const path of [folder, join(folder, 'password')]) {
      chownSync(path, user.uid, user.gid);
    }
  }
  const data = join(folder, 'data');
  const made = spawnSync(
    join(programs, 'initdb'),
    ['-D', data, '-U', 'tally', '-A', 'scram-sha-256', '--pwfile', join(folder, 'password'), '--no-sync', '-E', 'UTF8'],
    { ...user, cwd: folder, encoding: 'utf8' },
  );
  if (made.status !== 0) {
    throw new Error(`initdb failed: ${made.error?.message ?? made.stderr}`);
  }
  const [port = 0] = await freePorts(1);
  const url = (database = 'postgres') => `postgres://tally:${password}@127.0.0.1:${port}/${database}`;
  let server: ChildProcess | undefined;
  const start = async () => {
    server = await startServer(data, port, url());
  };
  await start();
  return {
    url,
    start,
    pid: () => server?.pid ?? 0,
    kill: () => stop(server, 'SIGKILL'),
    remove: async () => {
      await stop(server, 'SIGINT');
      rmSync(folder, { recursive: true, force: true });
    },
    database: async () => {
      const name = `d${randomBytes(6).toString('hex')}`;
      await query(url(), `create database ${name}`);
      return url(name);
    },
  };
}

/** After a kill, what is left of the server before holds its memory for a moment. */
async function startServer(data: string, port: number, url: string): Promise<ChildProcess> {
  const settings = ['-c', `port=${port}`, '-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${data}`];
  const command = [join(programs ?? '', 'postgres'), '-D', data, ...settings, '-c', 'max_connections=50'];
  const endsAtMs = performance.now() + START_LIMIT_MS;
  for (;;) {
    const server = spawn('sh', ['-c', WATCHED, 'sh', ...command], {
      ...user,
      cwd: data,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      detached: true,
    });
    let output = '';
    server.stderr?.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4_000)));
    server.stdout?.resume();
    server.stdio[3]?.on('error', () => undefined);
    while (server.exitCode === null && server.signalCode === null) {
      if (await answers(url)) {
        return server;
      }
      if (performance.now() > endsAtMs) {
        throw new Error(`Postgres does not start: ${output}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    if (performance.now() > endsAtMs) {
      throw new Error(`Postgres does not start: ${output}`);
    }
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    await query(url, 'select 1');
    return true;
  } catch {
    return false;
  }
}

async function stop(server: ChildProcess | undefined, signal: 'SIGINT' | 'SIGKILL'): Promise<void> {
  if (server?.exitCode === null && server.signalCode === null) {
    const ended = once(server, 'exit');
    server.kill(signal);
    await ended;
  }
  (server?.stdio[3] as { end?: () => void } | null)?.end?.();
}

/** Opens a session. Its owner ends it. */
export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Runs one statement in a session of its own. */
export async function query<Row extends pg.QueryResultRow = pg.QueryResultRow>(
  url: string,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const client = await connect(url);
  try {
    return values.length === 0 ? (await client.query<Row>(sql)).rows : (await client.query<Row>(sql, [...values])).rows;
  } finally {
    await client.end();
  }
}
