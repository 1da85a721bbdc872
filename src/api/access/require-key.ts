import type { Request, RequestHandler, Response } from 'express';
import { apiKeyIdOf, noteApiKey } from '../../web/request-log.js';
import { Problem } from '../../web/problems.js';
import { restrictAccess } from './access.js';
import { keyWithSecret } from './api-key.js';
import type { ApiKey } from './api-key.js';
import type { KeyCache } from './key-cache.js';
import { isLoopbackAddress, isLoopbackHost } from '../../web/loopback.js';
import { rateLimits } from './rate-limits.js';
import { countUpdates, UpdateRates } from './update-rates.js';

/** What every request under `/v1` may be answered with. */
export const KEY_PROBLEMS = [
  'UNAUTHORIZED',
  'OTHER_HOST',
  'RATE_LIMITED',
  'QUEUE_UNAVAILABLE',
  'REDIS_REFUSED',
] as const;

/** The handler before all endpoints under `/v1`, and what it takes to end it. */
export interface KeyGuard {
  readonly handler: RequestHandler;
  /** Whether a request that was let in still would be: its key may have been revoked, or the first one been made. */
  mayStay(response: Response): Promise<boolean>;
  /**
   * Asks Redis whether the key of a request that was let in was revoked, for what would outlast it: a server knows of that seconds later.
   *
   * @throws Problem `UNAUTHORIZED` when it was; QueueUnavailableError, RedisRefusedError
   */
  refuseRevoked(response: Response): Promise<void>;
  close(): void;
}

/**
 * Lets requests with an API key through, as far as the key goes; while there are no keys, those of this machine.
 *
 * @param isClosed whether it needs a key all the same
 */
export function requireKey(knownKeys: KeyCache, isClosed: () => boolean): KeyGuard {
  const limits = rateLimits(keyOf);
  const updateRates = new UpdateRates();
  return {
    handler: async (request, response, next) => {
      const { byId, required } = await knownKeys.current();
      if (!required && !isClosed() && isLoopbackAddress(request.socket.localAddress)) {
        refuseOtherHosts(request);
        next();
        return;
      }
      const key = keyWithSecret(byId, bearerOf(request));
      if (key === undefined) {
        throw unauthorized();
      }
      response.locals['apiKey'] = key;
      noteApiKey(response, key.id);
      restrictAccess(response, key);
      if (key.updateRate !== undefined) {
        countUpdates(response, updateRates.of(key, key.updateRate));
      }
      await limits.of(key.rate)(request, response, next);
    },
    mayStay: async (response) => {
      const { byId, required } = await knownKeys.current();
      const id = apiKeyIdOf(response);
      return id === undefined ? !required && !isClosed() : byId.has(id);
    },
    refuseRevoked: async (response) => {
      const id = apiKeyIdOf(response);
      if (id !== undefined && !(await knownKeys.isThere(id))) {
        throw unauthorized();
      }
    },
    close: () => {
      limits.close();
    },
  };
}

function keyOf({ locals }: Response): ApiKey {
  return locals['apiKey'] as ApiKey;
}

/** What stands behind `Bearer`; empty when there is none. */
function bearerOf({ headers }: Request): string {
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
}

/** The same words whatever is wrong with the key. */
function unauthorized(): Problem {
  const detail =
    'a valid API key is needed, as "Authorization: Bearer tally_..."; whoever runs this server makes one with ' +
    'tally keys create';
  return new Problem('UNAUTHORIZED', detail, { accepted: 'none', headers: { 'WWW-Authenticate': 'Bearer' } });
}

function refuseOtherHosts({ headers }: Request): void {
  if (!isLoopbackHost(headers.host)) {
    const detail =
      'without API keys this server answers only to localhost, 127.0.0.1 and [::1]: use one of them in the URL, or ' +
      'make a key with tally keys create';
    throw new Problem('OTHER_HOST', detail, { accepted: 'none' });
  }
}
