import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { inject, onTestFinished } from 'vitest';
import { createDashboard } from '../../dashboard/app.js';
import type { DashboardOptions } from '../../dashboard/app.js';
import type { DashboardRole } from '../../dashboard/access/signed-in.js';
import { UserStore } from '../../dashboard/access/user-store.js';
import { changeUser, makeUser } from '../../dashboard/access/user.js';
import type { User } from '../../dashboard/access/user.js';
import { connectPromptly } from '../../src/redis/connect.js';
import { createKeys } from '../../src/redis/keys.js';
import { until } from './tally.js';
import type { Place } from './tally.js';

export const PASSWORD = 'correct horse battery';

/** A request as it goes over the wire: unlike `fetch`, it leaves the path as it is, and sets no header. */
export interface RawRequest {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface RunningDashboard {
  readonly origin: string;
  readonly request: (path: string, init?: RequestInit) => Promise<Response>;
  readonly raw: (request: RawRequest) => Promise<RawAnswer>;
  /** Signs in over HTTP. @returns the cookie of the session */
  readonly signIn: (name: string, password?: string) => Promise<string>;
  /** Ends it before the test does, so that all that it had to write is written. */
  readonly close: () => Promise<void>;
}

/** A dashboard that serves the test's place, closed at its end. */
export async function startDashboard(
  { redis, namespace, prefix, logger }: Place,
  options: Partial<DashboardOptions> = {},
): Promise<RunningDashboard> {
  const dashboard = createDashboard({ redis, namespace, prefix, logger, ...options });
  const server = createServer(dashboard.app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  let closing: Promise<void> | undefined;
  const close = () => {
    server.close();
    server.closeAllConnections();
    closing ??= dashboard.close();
    return closing;
  };
  onTestFinished(close);
  const { port } = server.address() as AddressInfo;
  const raw = (request: RawRequest) => send(port, request);
  if (redis === inject('redisUrl')) {
    // It is up, but has to be found, and the first look at a master of a Cluster waits no longer than any other.
    await until('the dashboard has found Redis', async () => (await raw({ path: '/readyz' })).status === 200);
  }
  return {
    origin: `http://127.0.0.1:${port}`,
    request: (path, init) => fetch(`http://127.0.0.1:${port}${path}`, { redirect: 'manual', ...init }),
    raw,
    signIn: async (name, password = PASSWORD) => cookieOf(await raw(signInRequest(name, password))),
    close,
  };
}

/** A queue as the board's list has it. */
export interface ShownQueue {
  readonly name: string;
  readonly displayName: string;
  readonly description: string;
  readonly delimiter: string;
  readonly counts: Readonly<Record<string, number>>;
  /** Null when it is not known. */
  readonly hasWorkers: boolean | null;
  readonly isPaused: boolean;
  readonly readOnlyMode: boolean;
}

/** What the form of the sign-in page sends. */
export function signInRequest(
  name: string,
  password: string,
  headers: Readonly<Record<string, string>> = {},
  to?: string,
): RawRequest & { headers: Record<string, string> } {
  return {
    method: 'POST',
    path: '/ops/sign-in',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams({ name, password, ...(to !== undefined && { to }) }).toString(),
  };
}

/** The cookie that an answer sets, as a browser would send it back. */
export function cookieOf({ headers, status }: RawAnswer): string {
  const [cookie] = headers['set-cookie'] ?? [];
  if (cookie === undefined) {
    throw new Error(`no cookie was set, the status is ${status}`);
  }
  return cookie.split(';')[0]!;
}

/** Does something with the users of the test's place. */
export async function withUsers<T>(here: Place, use: (users: UserStore) => Promise<T>): Promise<T> {
  const redis = connectPromptly(here.redis, 'test-users', 5_000, here.logger);
  try {
    return await use(new UserStore(redis, createKeys(here)));
  } finally {
    redis.disconnect();
  }
}

/** Hashed once: to hash a password is meant to take long. */
let anyone: Promise<User> | undefined;

/** Adds a user whose password is {@link PASSWORD}. */
export async function addUser(here: Place, name: string, role: DashboardRole): Promise<void> {
  anyone ??= makeUser('anyone', 'viewer', PASSWORD);
  const user = { ...changeUser(await anyone, { role }), name };
  await withUsers(here, (users) => users.add(user));
}

async function send(port: number, { method = 'GET', path, headers = {}, body }: RawRequest): Promise<RawAnswer> {
  const request = httpRequest({ host: '127.0.0.1', port, method, path, headers, agent: false });
  request.end(body);
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: await text(answer) };
}
