import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import { BOARD_PATH } from '../board/board-name.js';

export const OVERVIEW_PATH = '/ops';

/** What the page of the overview fetches to be up to date. */
export const OVERVIEW_PART_PATH = '/ops/overview-part';

export const WORKER_ORDER_PATH = '/ops/workers';

/** A link to a queue on the board; one that is split is a group there, without a page. */
export function boardQueueLink(queue: string): Html {
  return html`<a href="${boardQueue(queue)}">${queue}</a>`;
}

/** A link to the jobs of a queue that run now. */
export function runningLink(queue: string, running: number): Html {
  return html`<a href="${boardQueue(queue)}?status=active">${running.toLocaleString('en')}</a>`;
}

function boardQueue(queue: string): string {
  return `${BOARD_PATH}/queue/${encodeURIComponent(queue)}`;
}
