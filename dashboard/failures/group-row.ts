import type { FailureFilter } from '../../src/producers/failures/failure-filter.js';
import type { FailureGroup } from '../../src/producers/failures/group-failures.js';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import { timeAt } from '../time.js';
import { countWords } from '../words.js';
import { FAILURES_PATH, failuresLink, RETRY_PATH } from './links.js';

/** What failed together, with what may be done. @param untilMs what fails later is not meant by the button, in ms of Redis' clock */
export function groupRow(group: FailureGroup, isOperator: boolean, filter: FailureFilter, untilMs: number): Html {
  const { id, reason, status, message, operation, keyPattern, isForeign, updates, jobs, firstAtMs, lastAtMs } = group;
  const narrowed = { ...filter, group: id };
  return html`<li class="card row">
    <div class="grow">
      <p class="words">${message}</p>
      <p class="muted">
        <span class="tag ${status === 'failed' ? 'bad' : 'warn'}">${status} ${reason}</span>
        ${isForeign && html`<span class="tag warn">completed by another program</span>`}
        <span class="code">${operation}</span> on
        ${keyPattern === undefined ? 'keys that can not be told' : html`<span class="code">${keyPattern}</span>`}
      </p>
      <p class="muted">
        ${firstAtMs === lastAtMs ? timeAt(lastAtMs) : html`${timeAt(firstAtMs)} to ${timeAt(lastAtMs)}`}
      </p>
    </div>
    <div class="side">
      <strong title="${countWords(jobs, 'job')}">${countWords(updates, 'update')}</strong>
      <span class="buttons">
        <a class="button quiet" href="${failuresLink(FAILURES_PATH, narrowed)}">Look</a>
        ${
          isOperator &&
          html`<form method="post" action="${RETRY_PATH}">
            ${filterFields(narrowed, untilMs)} <button class="quiet" type="submit">Retry</button>
          </form>`
        }
      </span>
    </div>
  </li> `;
}

/** What stands in each form that means a filter. */
export function filterFields(filter: FailureFilter, untilMs: number): Html {
  const fields = Object.entries(filter).filter(([, value]) => value !== undefined);
  return html`${fields.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)}
    <input type="hidden" name="untilMs" value="${untilMs}" />`;
}
