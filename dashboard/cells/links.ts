import { describeCell } from '../../src/redis/cell.js';
import type { Cell } from '../../src/redis/cell.js';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import { BOARD_PATH } from '../board/board-name.js';

export const KEYS_PATH = '/ops/keys';
export const FIND_PATH = '/ops/find';

/** The page that finds an update, with links to its cells. */
export function findLink(updateId: string): string {
  return `${FIND_PATH}?${new URLSearchParams({ update: updateId }).toString()}`;
}

/** Where an update is reverted. */
export function revertPath(updateId: string): string {
  return `/ops/updates/${updateId}/revert`;
}

/** Where scripts and styles of the chart are served. */
export const ASSETS_PATH = '/ops/assets';

/** Whether it stands for all keys that fit it. */
export function isPattern(key: string): boolean {
  return key.includes('*');
}

/** A link to the page of a cell. */
export function cellLink(cell: Cell): Html {
  return linkTo(cell, describeCell(cell));
}

/** A link to the page of a key. */
export function keyLink(key: string): Html {
  return linkTo({ key }, key);
}

function linkTo({ key, field, member }: Cell, words: string): Html {
  const query = new URLSearchParams({
    key,
    ...(field !== undefined && { field }),
    ...(member !== undefined && { member }),
    ...(isPattern(key) && { exact: 'true' }), // it is a key all the same
  });
  return html`<a class="code" href="${KEYS_PATH}?${query.toString()}">${words}</a>`;
}

/** A link to a job on the board; its id alone where the board does not have it. */
export function jobLink(boardName: string | undefined, jobId: string): Html {
  return boardName === undefined
    ? html`<span class="code">${jobId}</span>`
    : html`<a
        class="code"
        title="${jobId}"
        href="${BOARD_PATH}/queue/${encodeURIComponent(boardName)}/${encodeURIComponent(jobId)}"
        >${jobId}</a
      >`;
}
