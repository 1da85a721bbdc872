import type { FailureFilter } from '../../src/producers/failures/failure-filter.js';
import type { FailureGroup, GroupedFailures } from '../../src/producers/failures/group-failures.js';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import { ZONE } from '../time.js';
import { countWords } from '../words.js';
import { filterFields, groupRow } from './group-row.js';
import { FAILURES_PATH, failuresLink, REMOVE_PATH, RETRY_PATH } from './links.js';
import { latestTable } from './latest-table.js';
import type { ShownFailure } from './latest-table.js';

/** What is shown on the page of failures. */
export interface ShownFailures {
  readonly filter: FailureFilter;
  readonly found: GroupedFailures;
  readonly latest: readonly ShownFailure[];
  /** Whether whoever looks may do anything. */
  readonly isOperator: boolean;
  /** What was done just now, in words. */
  readonly done: string | undefined;
  /** In ms, by Redis' clock: what fails later is not meant by the buttons. */
  readonly untilMs: number;
}

export function failuresContent({ filter, found, latest, isOperator, done, untilMs }: ShownFailures): Html {
  const { updates, jobs, groups, faults } = found;
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  return html`<div class="stack">
    ${done !== undefined && html`<p class="card" role="status">${done}</p>`} ${filterForm(filter)}
    ${filter.group !== undefined && html`<p>One group of them. <a href="${failuresLink(FAILURES_PATH, { ...filter, group: undefined })}">All groups</a></p>`}
    ${filter.queue !== undefined && html`<p>Those of the queue ${filter.queue}. <a href="${failuresLink(FAILURES_PATH, { ...filter, queue: undefined })}">All queues</a></p>`}
    ${faults.map((fault) => html`<p class="error">${fault}: its failures are not among these.</p>`)}
    ${
      updates === 0
        ? html`<p class="card">${isFiltered ? 'No failed update is meant by this.' : 'No update has failed.'}</p>`
        : html`<p>
              <strong>${countWords(updates, 'failed update')}</strong> in ${countWords(jobs, 'job')}${reach(found)}.
              They were not applied, or it is not known: to retry them is safe, each takes effect once at most.
            </p>
            ${isOperator && changeButtons(filter, updates, untilMs)} ${groupsTable(groups, isOperator, filter, untilMs)}
            ${latestTable(latest)}`
    }
  </div>`;
}

function reach({ isWhole }: GroupedFailures): string {
  return isWhole ? '' : ', of those that were looked at; there may be more';
}

function filterForm({ reason, operation, key, queue }: FailureFilter): Html {
  return html`<form class="card fields" method="get" action="${FAILURES_PATH}">
    <label
      >Reason
      <input name="reason" value="${reason ?? ''}" placeholder="WRONG_TYPE" autocomplete="off" spellcheck="false"
    /></label>
    <label>
      Operation
      <input
        name="operation"
        value="${operation ?? ''}"
        placeholder="counter.*"
        autocomplete="off"
        spellcheck="false"
      />
    </label>
    <label
      >Key <input name="key" value="${key ?? ''}" placeholder="stock:*" autocomplete="off" spellcheck="false"
    /></label>
    ${queue !== undefined && html`<input type="hidden" name="queue" value="${queue}" />`}
    <button type="submit">Show</button>
  </form>`;
}

function changeButtons(filter: FailureFilter, updates: number, untilMs: number): Html {
  return html`<div class="buttons">
    <form method="post" action="${RETRY_PATH}">
      ${filterFields(filter, untilMs)}
      <button type="submit">Retry ${updates === 1 ? 'it' : `all ${updates.toLocaleString('en')}`}</button>
    </form>
    <a class="button danger" href="${failuresLink(REMOVE_PATH, filter)}">Remove ${updates === 1 ? 'it' : 'them'} …</a>
  </div>`;
}

function groupsTable(
  groups: readonly FailureGroup[],
  isOperator: boolean,
  filter: FailureFilter,
  untilMs: number,
): Html {
  return html`<h2>By reason, operation and key</h2>
    <ul class="rows">
      ${groups.map((group) => groupRow(group, isOperator, filter, untilMs))}
    </ul>
    <p class="muted">Times are those of ${ZONE}. In a pattern, * stands for any text.</p>`;
}

interface ShownRemoval extends Omit<ShownFailures, 'done' | 'isOperator'> {
  /** What can't be removed, in words. */
  readonly kept: string | undefined;
}

/** Asks to type how many they are, before they are removed. */
export function removeContent(shown: ShownRemoval, wrong?: string): Html {
  const { filter, found, latest, untilMs, kept } = shown;
  const { updates, jobs, groups } = found;
  if (updates === 0) {
    return html`<p class="card">
      ${kept ?? 'No failed update is meant by this'}. <a href="${failuresLink(FAILURES_PATH, filter)}">Back</a>
    </p>`;
  }
  return html`<div class="stack">
    <form class="card stack" method="post" action="${REMOVE_PATH}">
      <p>
        <strong>${countWords(updates, 'update')}</strong> in ${countWords(jobs, 'job')}${reach(found)}: they were
        accepted, and will never be applied. Nothing can bring them back; the audit keeps the ids of their jobs for 90
        days.
      </p>
      <ul>
        ${groups
          .slice(0, 20)
          .map(
            ({ updates: its, reason, operation, keyPattern }) =>
              html`<li>
                ${countWords(its, 'update')}: <span class="code">${operation}</span> on
                <span class="code">${keyPattern ?? 'unknown keys'}</span>, ${reason}
              </li> `,
          )}
      </ul>
      ${kept !== undefined && html`<p>${kept}.</p>`}
      ${wrong !== undefined && html`<p class="error" role="alert">${wrong}</p>`} ${filterFields(filter, untilMs)}
      <label>
        Type how many updates they are
        <input name="updates" required inputmode="numeric" pattern="[0-9,]*" autocomplete="off" />
      </label>
      <div class="buttons">
        <button class="danger" type="submit">Remove them</button>
        <a class="button quiet" href="${failuresLink(FAILURES_PATH, filter)}">Back</a>
      </div>
    </form>
    ${latestTable(latest)}
  </div>`;
}
