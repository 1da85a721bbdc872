import { createBullBoard } from '@bull-board/api';
import { ExpressAdapter } from '@bull-board/express';
import type { Express } from 'express';
import type { TallyQueue } from '../src/jobs/queues.js';
import type { Registry } from '../src/operations/registry.js';
import { ReadableQueue } from './readable-queue.js';
import { SIGN_OUT_PATH } from './access/paths.js';
import type { Role } from './access/signed-in.js';
import { ICON_PATH } from './pages/icon.js';
import { SECTIONS } from './pages/page.js';
import { refuseAction } from './refused-actions.js';

/** Where the board stands, as the browser sees it. */
export const BOARD_PATH = '/ops/queues';

/** What stands in the menu of the board: the other pages, see `pages/page.ts`. */
const LINKS = [
  ...SECTIONS.filter(({ path }) => path !== BOARD_PATH).map(({ name, path }) => ({ text: name, url: path })),
  { text: 'Sign out', url: SIGN_OUT_PATH },
];

/**
 * Bull Board over these queues for people of one role, to be mounted at {@link BOARD_PATH}. For viewers it has no
 * buttons; what they may not do is refused before it comes here, see `access/permit.ts`.
 */
export function createBoard(queues: readonly TallyQueue[], registry: Registry, role: Role): Express {
  const serverAdapter = new ExpressAdapter().setBasePath(BOARD_PATH);
  createBullBoard({
    queues: queues.map((queue) => new ReadableQueue(queue, registry, role === 'viewer')),
    serverAdapter,
    options: {
      uiConfig: {
        boardTitle: 'Tally',
        boardLogo: { path: ICON_PATH, width: 24, height: 24 },
        favIcon: { default: ICON_PATH, alternative: ICON_PATH },
        hideDocsLink: true,
        miscLinks: LINKS,
      },
      handlerHooks: { before: refuseAction },
    },
  });
  const board = serverAdapter.getRouter() as Express;
  // It is an Express app of its own, with a setting of its own.
  board.disable('x-powered-by');
  return board;
}
