import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { inject, onTestFinished } from 'vitest';
import { ApiServer, createApi } from '../../src/api/api.js';
import type { Api, ApiOptions } from '../../src/api/api.js';
import type { SlowClientLimits } from '../../src/web/http-server.js';
import { SUBMIT_TIMEOUT_MS } from './tally.js';
import type { Place } from './tally.js';

/** One update as the API answers it. */
export interface ShownUpdate {
  id: string;
  status: string;
  operation?: string;
  result?: unknown;
  reason?: string;
  message?: string;
  duplicate?: true;
  attempts?: number;
  jobId?: string;
}

export interface ShownProblem {
  code: string;
  status: number;
  detail: string;
  requestId: string;
  accepted?: string;
  errors?: { path: string; code: string; message: string }[];
}

/** What a request was answered with. */
export interface Answered<Body> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

export interface RunningApi {
  readonly origin: string;
  readonly api: Api;
  readonly server: ApiServer;
  readonly request: (path: string, init?: RequestInit) => Promise<Response>;
  readonly get: <Body>(path: string) => Promise<Answered<Body>>;
  readonly post: <Body = { updates: ShownUpdate[] }>(
    path: string,
    body: unknown,
    headers?: Record<string, string>,
  ) => Promise<Answered<Body>>;
}

/** An API that serves the test's place, closed at its end. With the shared Redis, which is up all the time, it bears a busy machine. */
export async function startApi(
  { redis, namespace, prefix, logger }: Place,
  options: Partial<ApiOptions> = {},
  limits: SlowClientLimits = {},
): Promise<RunningApi> {
  const patience = redis === inject('redisUrl') && { submitTimeoutMs: SUBMIT_TIMEOUT_MS };
  const api = createApi({ redis, namespace, prefix, logger, ...patience, ...options });
  const server = new ApiServer(api.app, limits).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    if (server.listening) {
      await server.closeInOrder(0);
    }
    await api.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const request: RunningApi['request'] = (path, init) => fetch(origin + path, init);
  return {
    origin,
    api,
    server,
    request,
    get: async (path) => answered(await request(path)),
    post: async (path, body, headers = {}) =>
      answered(
        await request(path, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: JSON.stringify(body),
        }),
      ),
  };
}

async function answered<Body>(response: Response): Promise<Answered<Body>> {
  const text = await response.text(); // of an accepted event there is none
  return { status: response.status, headers: response.headers, body: JSON.parse(text === '' ? '{}' : text) as Body };
}
