import type { RequestHandler, Response } from 'express';
import { rateLimit } from 'express-rate-limit';
import { HitCounts } from '../../web/hit-counts.js';
import { Problem } from '../../web/problems.js';
import type { ApiKey, Rate } from './api-key.js';

/** Counts the requests of each API key in this process. */
export interface RateLimits {
  /** The one that refuses what is more than this rate. The request's key is read with `keyOf`. */
  of(rate: Rate): RequestHandler;
  close(): void;
}

/** @param keyOf the API key of a request, found before */
export function rateLimits(keyOf: (response: Response) => ApiKey): RateLimits {
  const stores = { 1: new HitCounts(), 60: new HitCounts() };
  const limiter = (windowSeconds: Rate['windowSeconds']) =>
    rateLimit({
      windowMs: windowSeconds * 1000,
      store: stores[windowSeconds],
      keyGenerator: (_request, response) => keyOf(response).id,
      limit: (_request, response) => keyOf(response).rate.requests,
      standardHeaders: 'draft-8',
      legacyHeaders: false,
      handler: (_request, response, next) => {
        next(rateLimited(keyOf(response).rate));
      },
    });
  const limiters = { 1: limiter(1), 60: limiter(60) };
  return {
    of: ({ windowSeconds }) => limiters[windowSeconds],
    close: () => {
      stores[1].shutdown();
      stores[60].shutdown();
    },
  };
}

function rateLimited({ requests, windowSeconds }: Rate): Problem {
  const window = windowSeconds === 1 ? 'second' : 'minute';
  const detail = `this API key may make ${requests} requests a ${window}; send several updates in one request`;
  return new Problem('RATE_LIMITED', detail, { accepted: 'none' });
}
