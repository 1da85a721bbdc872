import { Router } from 'express';
import { retryAllFailed } from '../../src/producers/failures/retry-all.js';
import { promoteAllDelayed } from '../../src/producers/promote-all.js';
import type { RedisClient } from '../../src/redis/connection.js';
import { noteDetail } from '../audit/entry.js';
import { countWords } from '../words.js';
import type { ShownQueue } from './shown-queues.js';

/** What the board asks for that is done here in its stead. */
export function boardActions(redis: RedisClient, shown: () => readonly ShownQueue[]): Router {
  const router = Router({ caseSensitive: true });
  // The board pages through the list while it changes, and leaves jobs out.
  router.put('/api/queues/:queueName/retry/failed', async (request, response, next) => {
    const found = shown().find(({ boardName }) => boardName === request.params.queueName);
    if (found === undefined) {
      next();
      return;
    }
    const retried = await retryAllFailed(redis, found.queue);
    noteDetail(response, { detail: countWords(retried, 'job') });
    response.json({ retried, skipped: 0 });
  });
  // The board promotes the next runs of schedules too.
  router.put('/api/queues/:queueName/promote', async (request, response, next) => {
    const found = shown().find(({ boardName }) => boardName === request.params.queueName);
    if (found === undefined) {
      next();
      return;
    }
    noteDetail(response, { detail: countWords(await promoteAllDelayed(redis, found.queue), 'job') });
    response.json({});
  });
  return router;
}
