import { BOARD_PATH } from './board-name.js';
import { createBullBoard } from '@bull-board/api';
import { ExpressAdapter } from '@bull-board/express';
import type { Express } from 'express';
import type { Logger } from 'pino';
import type { Registry } from '../../src/operations/registry.js';
import { answerWhileUnreachable, UnreachableQueue } from './unreachable.js';
import { logPublicError } from '../errors.js';
import { deliveriesAdapter } from './deliveries.js';
import type { FoundDeliveries } from './deliveries.js';
import { ReadableQueue } from './readable-queue.js';
import type { BoardDeps } from './readable-queue.js';
import { SIGN_OUT_PATH } from '../access/paths.js';
import type { DashboardRole } from '../access/signed-in.js';
import { ICON_PATH, SECTIONS } from '../page.js';
import { refuseAction } from './refused-actions.js';
import type { ShownQueue } from './shown-queues.js';
import { publicErrorOf } from '../public-error.js';
import { wordsOfShown } from './words.js';

/** What stands in the menu of the board: the other pages, see `pages/page.ts`. */
const LINKS = [
  ...SECTIONS.filter(({ path }) => path !== BOARD_PATH).map(({ name, path }) => ({ text: name, url: path })),
  { text: 'Sign out', url: SIGN_OUT_PATH },
];

const TIME = {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
  timeZoneName: 'short',
} as const;
const DAY = { year: 'numeric', month: '2-digit', day: '2-digit' } as const;

/** As on the other pages: in the zone of the reader, which is named, in 24 hours. */
const DATE_FORMATS = { short: TIME, common: { ...DAY, ...TIME }, full: { ...DAY, ...TIME } };

/** Darker, and in the dark lighter, where the board's own colours are hard to read: below 4.5 to 1. */
const THEME = {
  light: {
    'muted-foreground': '#4a545e',
    primary: '#0b5a51',
    'status-failed': '#b91c1c',
    'status-waiting': '#92400e',
    'status-delayed': '#6d28d9',
    'status-completed': '#166534',
  },
  dark: { 'muted-foreground': '#b3bdc9', 'status-failed': '#f59a9a' },
} as const;

/** Bull Board for people of one role. */
export interface Board {
  /** To be mounted at {@link BOARD_PATH}. */
  readonly app: Express;
  /** Has it show these queues, and no others; and deliveries to webhooks, where there are any. */
  show(queues: readonly ShownQueue[], deliveries?: FoundDeliveries): void;
}

/**
 * Bull Board without queues so far. For viewers it has no buttons; what they may not do is refused before it comes here,
 * see `access/require-role.ts`.
 */
export function createBoard(registry: Registry, role: DashboardRole, deps: BoardDeps): Board {
  const serverAdapter = new ExpressAdapter().setBasePath(BOARD_PATH);
  const { replaceQueues } = createBullBoard({
    queues: [],
    serverAdapter,
    options: {
      uiConfig: {
        boardTitle: 'Tally',
        boardLogo: { path: ICON_PATH, width: 24, height: 24 },
        favIcon: { default: ICON_PATH, alternative: ICON_PATH },
        hideDocsLink: true,
        dateFormats: DATE_FORMATS,
        theme: THEME,
        miscLinks: LINKS,
        overview: { groupByDelimiter: true }, // partitions as one line for each queue, with their sums
      },
      handlerHooks: { before: refuseAction, after: answerWhileUnreachable },
    },
  });
  serverAdapter.setErrorHandler((error) => answerOf(error, deps.logger));
  const app = serverAdapter.getRouter() as Express;
  // It is an Express app of its own, with a setting of its own.
  app.disable('x-powered-by');
  const adapterOf = (queue: ShownQueue) =>
    queue.fault === undefined
      ? new ReadableQueue(queue, registry, role === 'viewer', deps)
      : new UnreachableQueue(
          queue.queue,
          { boardName: queue.boardName, ...wordsOfShown(queue, registry) },
          queue.fault,
        );
  let shown: readonly unknown[] = [];
  return {
    app,
    show: (queues, deliveries) => {
      const all = [...queues, ...(deliveries ? [deliveries] : [])];
      if (all.length !== shown.length || all.some((queue, index) => queue !== shown[index])) {
        const more = deliveries ? [deliveriesAdapter(deliveries, role === 'viewer')] : [];
        replaceQueues([...queues.map(adapterOf), ...more]);
        shown = all;
      }
    },
  };
}

type Answer = ReturnType<Parameters<ExpressAdapter['setErrorHandler']>[0]>;

const INTERNAL = { key: 'ERRORS.INTERNAL_SERVER_ERROR' } as const;

/** In the form that the board shows. An error with a status of its own was made for it. */
function answerOf(error: Error & { statusCode?: number }, logger: Logger): Answer {
  if (error.statusCode !== undefined) {
    return { status: error.statusCode as 500, body: { error: INTERNAL, message: error.message } };
  }
  const { status, ...answer } = publicErrorOf(error);
  logPublicError(logger, { status, ...answer }, error);
  return { status: status as 500, body: { ...answer, error: INTERNAL, code: answer.error } as Answer['body'] };
}
