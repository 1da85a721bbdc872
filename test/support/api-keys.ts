import { makeApiKey } from '../../src/api/access/api-key.js';
import type { ApiKeySettings } from '../../src/api/access/api-key.js';
import { KeyStore } from '../../src/api/access/key-store.js';
import { connectPromptly } from '../../src/redis/connect.js';
import { createKeys } from '../../src/redis/keys.js';
import type { Answered, RunningApi, ShownProblem, ShownUpdate } from './http-api.js';
import type { Place } from './tally.js';

/** Makes an API key that may do everything, but for what is set. */
export async function addKey(
  here: Place,
  settings: Partial<ApiKeySettings> = {},
): Promise<{ id: string; secret: string }> {
  const all = { name: 'test', operations: ['*'], keys: ['*'], readOnly: false };
  const { secret, key } = makeApiKey({ ...all, rate: { requests: 1_000, windowSeconds: 1 }, ...settings });
  const redis = connectPromptly(here.redis, 'test-keys', 5_000, here.logger);
  await new KeyStore(redis, createKeys(here)).add(key);
  redis.disconnect();
  return { id: key.id, secret };
}

type AnyBody = { updates: ShownUpdate[] } & ShownProblem;

export interface Caller {
  readonly get: (path: string) => Promise<Answered<AnyBody>>;
  readonly post: (path: string, body: unknown, contentType?: string) => Promise<Answered<AnyBody>>;
}

/** Calls the API with this `Authorization`. */
export function callerWith({ request }: RunningApi, authorization: string | undefined): Caller {
  const headers = authorization === undefined ? {} : { authorization };
  const call = async (path: string, init: RequestInit): Promise<Answered<AnyBody>> => {
    const response = await request(path, init);
    const text = await response.text(); // of an accepted event there is none
    return {
      status: response.status,
      headers: response.headers,
      body: JSON.parse(text === '' ? '{}' : text) as AnyBody,
    };
  };
  return {
    get: (path) => call(path, { headers }),
    post: (path, body, contentType = 'application/json') =>
      call(path, {
        method: 'POST',
        headers: { ...headers, 'content-type': contentType },
        body: JSON.stringify(body),
      }),
  };
}
