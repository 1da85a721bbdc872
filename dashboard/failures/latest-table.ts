import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import type { FailedJob } from '../../src/producers/failures/failed-job.js';
import { jobLink, keyLink } from '../cells/links.js';
import { timeAt } from '../time.js';

/** A failed job with what the page shows beside. */
export interface ShownFailure {
  readonly job: FailedJob;
  readonly boardName: string;
  /** The stack of the latest attempt; undefined where there is none. */
  readonly stack: string | undefined;
}

/** Keys of one job that are shown. */
const SHOWN_KEYS = 3;

/** The latest of the failures, each with its reason in words. */
export function latestTable(latest: readonly ShownFailure[]): Html {
  return html`<h2>The latest</h2>
    <ul class="rows">
      ${latest.map(row)}
    </ul>`;
}

function row({ job, boardName, stack }: ShownFailure): Html {
  const { message, status, reason, operation, keys, updates, endedAtMs, jobId } = job;
  const more = keys.length > SHOWN_KEYS ? ` and ${keys.length - SHOWN_KEYS} more` : '';
  return html`<li class="card">
    <p class="words">${message}</p>
    <p class="muted">
      ${timeAt(endedAtMs)} · ${status} ${reason} · <span class="code">${operation}</span>
      ${updates.length > 1 && html`× ${updates.length}`} ${keys.slice(0, SHOWN_KEYS).map((key) => html`· ${keyLink(key)} `)}
      ${more} · job ${jobLink(boardName, jobId)}
    </p>
    ${
      stack !== undefined &&
      html`<details>
        <summary>Stack trace</summary>
        <pre class="code" tabindex="0">${stack}</pre>
      </details>`
    }
  </li> `;
}
