import type { RequestHandler } from 'express';
import type { Connection } from '../src/redis/connection.js';
import { refusalBehind } from '../src/redis/ask-redis.js';
import { withDeadline } from '../src/lib/timeouts.js';

/** How long Redis may take for a word. The longest single command of the dashboard keeps it busy for some seconds, and comes seldom. */
const PATIENCE_MS = 2_000;

/** The same, once it is known not to answer. */
const SILENT_PATIENCE_MS = 200;

/** Redis does not answer, and has not since. */
export class RedisSilentError extends Error {
  constructor(readonly sinceMs: number) {
    super(`Redis has not answered since ${new Date(sinceMs).toISOString()}`);
    this.name = 'RedisSilentError';
  }
}

/**
 * Asks Redis for a word before anything waits for it: one that hangs, or can't be reached, would keep a page waiting for as long as a
 * command may take. Which masters of a Cluster answer, `MasterProbe` knows.
 */
export function requireAnswer(redis: Connection): RequestHandler {
  /** Under way: as long as it has no answer, no other is sent. */
  let question: Promise<unknown> | undefined;
  let askedAtMs = 0;
  let silentSinceMs: number | undefined;
  const ask = async () => {
    if (question === undefined) {
      askedAtMs = Date.now();
      question = redis.time().finally(() => {
        question = undefined;
      });
    }
    await withDeadline(question, silentSinceMs === undefined ? PATIENCE_MS : SILENT_PATIENCE_MS);
  };
  return async (_request, _response, next) => {
    try {
      await (redis.isCluster ? undefined : ask());
    } catch (error) {
      // What it refuses is told by whatever is asked of it.
      if (refusalBehind(error as Error, redis) === undefined) {
        silentSinceMs ??= askedAtMs;
        throw new RedisSilentError(silentSinceMs);
      }
    }
    silentSinceMs = undefined;
    next();
  };
}
