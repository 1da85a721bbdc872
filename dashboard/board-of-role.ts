import type { RequestHandler } from 'express';
import { ConnectedWorkers } from '../src/metrics/connected-workers.js';
import type { Registry } from '../src/operations/registry.js';
import type { Connection } from '../src/redis/connection.js';
import { withinTime } from '../src/within-time.js';
import { signedInOf } from './access/signed-in.js';
import { createBoard } from './board.js';
import type { ReadWorkers } from './readable-queue.js';
import type { ShownQueues } from './shown-queues.js';

interface Deps {
  readonly redis: Connection;
  readonly queues: ShownQueues;
  readonly registry: Registry;
}

/** Under this stands what the board asks for about queues and jobs; all else is files, and needs no Redis. */
const API_PATH = '/api/';

/** While Redis hangs, the board asks it for the queues that were known, and says itself that there is no answer. */
const LOOK_TIMEOUT_MS = 2_000;

/** The board has a look for each role. Before each answer it learns of partitions that were not in use before. */
export function boardOfRole({ redis, queues, registry }: Deps): RequestHandler {
  const readWorkers = shared(() => ConnectedWorkers.read(redis));
  const boards = {
    viewer: createBoard(registry, 'viewer', readWorkers),
    operator: createBoard(registry, 'operator', readWorkers),
  };
  let hasLooked = false;
  const lookAnew = async () => {
    const shown = await queues.look();
    hasLooked = true;
    boards.viewer.show(shown);
    boards.operator.show(shown);
  };
  return async (request, response, next) => {
    if (request.path.startsWith(API_PATH)) {
      await (hasLooked ? withinTime(lookAnew(), LOOK_TIMEOUT_MS) : lookAnew());
    }
    const board = boards[signedInOf(response)?.role ?? 'viewer'];
    board.app(request, response, next);
  };
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
