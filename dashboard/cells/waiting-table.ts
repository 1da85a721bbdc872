import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import { jobLink } from './links.js';
import type { WaitingJob, WaitingJobs, WaitingState } from './waiting-jobs.js';

const STATE_WORDS: Readonly<Record<WaitingState, string>> = {
  active: 'running',
  wait: 'waiting',
  prioritized: 'waiting, by priority',
  delayed: 'delayed',
  failed: 'failed',
};

/** The jobs that were found, and how far the look went. */
export function waitingTable(jobs: WaitingJobs): Html {
  return html`${jobs.found.length === 0 ? html`<p class="card muted">None was found.</p>` : table(jobs.found)}
    <p class="muted">${reach(jobs)}</p>
    ${jobs.unreachable.queues > 0 && html`<p class="error">${unreachableWords(jobs)}</p>`}`;
}

function reach({ looked, total, unreachable }: WaitingJobs): string {
  const where = unreachable.queues > 0 ? ' in the queues that answer' : '';
  return looked < total
    ? `Looked at ${looked} of ${total} jobs that wait, run or have failed${where}, and stopped there: there may be more.`
    : `Looked at all jobs that wait, run or have failed${where}: ${total}.`;
}

function unreachableWords({ unreachable }: WaitingJobs): string {
  return `${unreachable.queues} queues were not looked at, and there may be more: ${[...unreachable.faults].join('; ')}.`;
}

function table(jobs: readonly WaitingJob[]): Html {
  return html`<div class="scroll" tabindex="0">
    <table>
      <thead>
        <tr>
          <th>State</th>
          <th>Operation</th>
          <th class="number">Updates</th>
          <th>Job</th>
          <th>Reason</th>
        </tr>
      </thead>
      <tbody>
        ${jobs.map(row)}
      </tbody>
    </table>
  </div>`;
}

function row({ state, operation, updates, boardName, jobId, failedReason }: WaitingJob): Html {
  return html`<tr>
    <td class="nowrap">${STATE_WORDS[state]}</td>
    <td class="nowrap">${operation}</td>
    <td class="number">${updates.length}</td>
    <td>${jobLink(boardName, jobId)}</td>
    <td>${failedReason}</td>
  </tr> `;
}
