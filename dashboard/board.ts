import { createBullBoard } from '@bull-board/api';
import { ExpressAdapter } from '@bull-board/express';
import type { Express } from 'express';
import type { TallyQueue } from '../src/jobs/queues.js';
import type { Registry } from '../src/operations/registry.js';
import { ReadableQueue } from './readable-queue.js';
import { refuseAction } from './refused-actions.js';

/** Where the board stands, as the browser sees it. */
export const BOARD_PATH = '/ops/queues';

/** Bull Board over these queues, to be mounted at {@link BOARD_PATH}. */
export function createBoard(queues: readonly TallyQueue[], registry: Registry): Express {
  const serverAdapter = new ExpressAdapter().setBasePath(BOARD_PATH);
  createBullBoard({
    queues: queues.map((queue) => new ReadableQueue(queue, registry)),
    serverAdapter,
    options: {
      uiConfig: { boardTitle: 'Tally', hideDocsLink: true },
      handlerHooks: { before: refuseAction },
    },
  });
  const board = serverAdapter.getRouter() as Express;
  // It is an Express app of its own, with a setting of its own.
  board.disable('x-powered-by');
  return board;
}
