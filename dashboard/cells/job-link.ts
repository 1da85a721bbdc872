import { BOARD_PATH } from '../board/board.js';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';

/** A link to a job on the board; its id alone where the board does not have it. */
export function jobLink(boardName: string | undefined, jobId: string): Html {
  return boardName === undefined
    ? html`<span class="code">${jobId}</span>`
    : html`<a class="code" href="${BOARD_PATH}/queue/${encodeURIComponent(boardName)}/${encodeURIComponent(jobId)}"
        >${jobId}</a
      >`;
}
