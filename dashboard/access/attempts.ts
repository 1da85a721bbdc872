import type { RequestHandler } from 'express';
import { rateLimit } from 'express-rate-limit';
import { HitCounts } from '../../src/web/hit-counts.js';

export const WINDOW_MINUTES = 15;

/** Attempts from one address, a network of IPv6 counting as one. */
const LIMIT_OF_ADDRESS = 10;

/** For one name, from wherever: higher, since it also keeps the user out whom someone else attacks. */
const LIMIT_OF_NAME = 50;

/** Refuses whoever has failed to sign in too often. */
export interface AttemptLimits {
  readonly handlers: readonly RequestHandler[];
  close(): void;
}

/**
 * @param nameOf the name that an attempt is for
 * @param refuse answers what is too much
 */
export function attemptLimits(nameOf: (body: unknown) => string, refuse: RequestHandler): AttemptLimits {
  const stores = [new HitCounts(), new HitCounts()] as const;
  const common = {
    windowMs: WINDOW_MINUTES * 60_000,
    skipSuccessfulRequests: true,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    // Whether X-Forwarded-For is believed is set on purpose, see `proxy.ts`.
    validate: { xForwardedForHeader: false, forwardedHeader: false },
    handler: refuse,
  } as const;
  return {
    handlers: [
      rateLimit({ ...common, limit: LIMIT_OF_ADDRESS, store: stores[0] }),
      rateLimit({ ...common, limit: LIMIT_OF_NAME, store: stores[1], keyGenerator: ({ body }) => nameOf(body) }),
    ],
    close: () => {
      for (const store of stores) {
        store.shutdown();
      }
    },
  };
}
