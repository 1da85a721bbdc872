import { SIGN_IN_PATH, SIGN_OUT_PATH } from '../access/paths.js';

/** What a request does, to which queue and job. */
export interface ActionWords {
  readonly action: string;
  readonly queue?: string;
  readonly job?: string;
}

/** By the path of the page that does it. */
const OF_PAGES: Readonly<Record<string, string>> = {
  '/ops/failures/retry': 'retry failed updates',
  '/ops/failures/remove': 'remove failed updates',
  '/ops/remove-waiting': 'remove waiting updates',
  '/ops/workers': 'tell a worker',
};

const REVERT = /^\/ops\/updates\/([^/]+)\/revert$/;

const BOARD_API = /^\/ops\/queues\/api\/queues\/(.+)$/;

/** What the board does to a queue as a whole stands right behind the queue's name; a job's id does not look like it. */
const OF_QUEUES = new Set([
  ...['add', 'clean', 'concurrency', 'empty', 'job-schedulers', 'obliterate'],
  ...['pause', 'promote', 'rate-limit', 'resume', 'retry'],
]);

/** A path can be as long as all headers may be. */
const LONGEST_WORDS = 200;

/** Puts a request into words, by its path: it may be one that is refused before anything else looks at it. */
export function describeAction(method: string, path: string): ActionWords {
  if (path === SIGN_IN_PATH || path === SIGN_OUT_PATH) {
    return { action: path === SIGN_IN_PATH ? 'sign in' : 'sign out' };
  }
  const ofPage = Object.hasOwn(OF_PAGES, path) && method === 'POST' ? OF_PAGES[path] : undefined;
  if (ofPage !== undefined) {
    return { action: ofPage };
  }
  const [, reverted] = REVERT.exec(path) ?? [];
  if (reverted !== undefined) {
    return { action: shorten(`revert update ${readable(reverted)}`) };
  }
  const [queue, second, ...rest] = (BOARD_API.exec(path)?.[1] ?? '').split('/').map(readable);
  if (queue === undefined || queue === '') {
    return { action: shorten(`${method} ${path}`) };
  }
  if (second === undefined) {
    return { action: shorten(`${queue} all queues`) };
  }
  return OF_QUEUES.has(second)
    ? { action: shorten([second, ...rest].join(' ')), queue: shorten(queue) }
    : { action: shorten(rest.join(' ') || method), queue: shorten(queue), job: shorten(second) };
}

/** Characters that do things to a terminal, or turn the text around. */
const UNSEEN = /[\p{Cc}\p{Cf}]/gu;

function readable(segment: string): string {
  try {
    return decodeURIComponent(segment).replace(UNSEEN, '\u{fffd}');
  } catch {
    return segment;
  }
}

function shorten(text: string): string {
  return text.length <= LONGEST_WORDS ? text : `${text.slice(0, LONGEST_WORDS - 1).toWellFormed()}…`;
}
