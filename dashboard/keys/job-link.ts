import { BOARD_PATH } from '../board.js';
import { html } from '../../src/html.js';
import type { Html } from '../../src/html.js';

/** A link to a job on the board. */
export function jobLink(queue: string | undefined, jobId: string): Html {
  return queue === undefined
    ? html`<span class="code">${jobId}</span>`
    : html`<a class="code" href="${BOARD_PATH}/queue/${encodeURIComponent(queue)}/${encodeURIComponent(jobId)}"
        >${jobId}</a
      >`;
}
