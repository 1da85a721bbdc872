import type { BoardHooks } from '@bull-board/api/typings/app';
import { groupAway } from './unreachable-group.js';
import type { ListOfQueues } from './unreachable-group.js';
import { AwayQueue } from './unreachable-queue.js';
import { MasterAwayError } from '../master-unreachable.js';

/**
 * Changes what the board answers about all of its queues while masters of some don't answer.
 *
 * @throws MasterAwayError after an action that was meant for all queues: those that answer have it behind them
 */
export const answerWhileAway: NonNullable<BoardHooks['after']> = ({ route, request }, result) => {
  const away = [...request.queues.values()].flatMap((queue) => (queue instanceof AwayQueue ? queue : []));
  if (away.length === 0) {
    return result;
  }
  switch (route) {
    case '/api/queues': {
      const open = decodeURIComponent(String(request.query['activeQueue'] ?? ''));
      return { ...result, body: groupAway(result.body as unknown as ListOfQueues, request.queues, open) };
    }
    case '/api/queues/pause':
    case '/api/queues/resume': {
      const faults = new Set(away.map(({ fault }) => fault));
      throw new MasterAwayError(`done, but not for ${away.length} queues: ${[...faults].join('; ')}`);
    }
    default:
      return result;
  }
};
