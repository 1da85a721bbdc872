import { Router } from 'express';
import { nameOutOfGroup } from './unreachable-group.js';
import { MasterAwayError } from '../master-unreachable.js';
import type { ShownQueue } from './shown-queues.js';

/** Asked of all queues at once: an answer without some of them would look like one of all. */
const OF_ALL = ['/api/redis/stats', '/api/job-schedulers'];

/** Refuses what the board is asked about queues whose master does not answer, but for their list. */
export function refuseAway(shown: () => readonly ShownQueue[]): Router {
  const router = Router({ caseSensitive: true });
  router.use('/api/queues/:queueName', (request, _response, next) => {
    const queueName = nameOutOfGroup(request.params.queueName);
    requireThere(shown().filter(({ boardName }) => boardName === queueName));
    next();
  });
  router.use(OF_ALL, (_request, _response, next) => {
    requireThere(shown());
    next();
  });
  return router;
}

function requireThere(queues: readonly ShownQueue[]): void {
  for (const { boardName, fault } of queues) {
    if (fault !== undefined) {
      throw MasterAwayError.of(boardName, fault);
    }
  }
}
