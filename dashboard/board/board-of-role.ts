import { Router } from 'express';
import type { Logger } from 'pino';
import { ConnectedWorkers } from '../../src/metrics/connected-workers.js';
import type { Registry } from '../../src/operations/registry.js';
import type { Store } from '../../src/layout/store.js';
import { withinTime } from '../../src/lib/timeouts.js';
import { signedInOf } from '../access/signed-in.js';
import { boardActions } from './board-actions.js';
import { createBoard } from './board.js';
import type { Deliveries, FoundDeliveries } from './deliveries.js';
import type { ReadWorkers } from './readable-queue.js';
import { refuseUnreachable } from './unreachable.js';
import type { ShownQueue, ShownQueues } from './shown-queues.js';

interface BoardOptions extends Pick<Store, 'redis' | 'masters'> {
  readonly queues: ShownQueues;
  readonly deliveries: Deliveries;
  readonly registry: Registry;
  readonly logger: Logger;
}

/** Under this stands what the board asks for about queues and jobs; all else is files, and needs no Redis. */
const API_PATH = '/api';

/** While Redis hangs, the board asks it for the queues that were known, and says itself that there is no answer. */
const LOOK_TIMEOUT_MS = 2_000;

/**
 * The board has a look for each role. Before each answer it learns of partitions that were not in use before, and of masters
 * that don't answer.
 */
export function boardOfRole({ redis, masters, queues, deliveries, registry, logger }: BoardOptions): Router {
  const readWorkers = shared(async () => ConnectedWorkers.read(redis, (await masters.look()).answering));
  const boards = {
    viewer: createBoard(registry, 'viewer', { redis, masters, readWorkers, logger }),
    operator: createBoard(registry, 'operator', { redis, masters, readWorkers, logger }),
  };
  let shown: readonly ShownQueue[] | undefined;
  let sent: FoundDeliveries | undefined;
  const lookAnew = async () => {
    [shown, sent] = await Promise.all([queues.look(), deliveries.look()]);
    boards.viewer.show(shown, sent);
    boards.operator.show(shown, sent);
  };
  const router = Router({ caseSensitive: true });
  router.use(API_PATH, async (_request, _response, next) => {
    await (shown === undefined ? lookAnew() : withinTime(lookAnew(), LOOK_TIMEOUT_MS));
    next();
  });
  router.use(refuseUnreachable(() => [...(shown ?? []), ...(sent ? [sent] : [])]));
  router.use(boardActions(redis, () => shown ?? []));
  router.use((request, response, next) => {
    const board = boards[signedInOf(response)?.role ?? 'viewer'];
    board.app(request, response, next);
  });
  return router;
}

function shared(read: ReadWorkers): ReadWorkers {
  let reading: ReturnType<ReadWorkers> | undefined;
  return () => {
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return reading;
  };
}
