import type { RequestHandler } from 'express';
import { signedInOf } from '../access/signed-in.js';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import { sendPage } from '../page.js';
import type { AuditLog } from './audit-log.js';
import { PAGE_ASSETS } from '../page-script.js';
import { timeAt, ZONE } from '../time.js';
import { CHANGED_JOBS_PATH } from './changed-jobs.js';
import type { AuditEntry } from './entry.js';

export const AUDIT_PATH = '/ops/audit';

/** The page of the last actions. */
export function auditPage(log: AuditLog): RequestHandler {
  return async (_request, response) => {
    const { ofUsers, ofStrangers } = await log.read();
    const content = html`<p class="muted">
        Whatever was done here or refused, the latest first; times are those of ${ZONE}. The log of Tally has it all.
      </p>
      <h2>Actions</h2>
      ${table(ofUsers)}
      <h2>Without a sign-in</h2>
      ${table(ofStrangers)}`;
    sendPage(response, { title: 'Audit', user: signedInOf(response), content, assets: PAGE_ASSETS });
  };
}

function table(entries: readonly AuditEntry[]): Html {
  if (entries.length === 0) {
    return html`<p class="card muted">Nothing so far.</p>`;
  }
  return html`<div class="scroll" tabindex="0">
    <table class="stacks">
      <thead>
        <tr>
          <th>Time</th>
          <th>Who</th>
          <th>What</th>
          <th>Queue</th>
          <th>Job</th>
          <th>Result</th>
          <th>From</th>
        </tr>
      </thead>
      <tbody>
        ${entries.map(row)}
      </tbody>
    </table>
  </div>`;
}

function row({ at, who, role, action, queue, job, detail, jobs, result, status, from }: AuditEntry): Html {
  return html`<tr>
    <td class="nowrap" data-label="Time">${timeAt(at)}</td>
    <td data-label="Who">${who ?? 'someone'} ${role !== undefined && html`<span class="tag">${role}</span>`}</td>
    <td data-label="What">
      <span>${action}</span> ${detail !== undefined && html`<br /><span class="muted">${detail}</span>`}
      ${jobs !== undefined && html`<br /><a href="${CHANGED_JOBS_PATH}/${jobs}">which jobs</a>`}
    </td>
    <td data-label="Queue">${queue}</td>
    <td class="code" data-label="Job">${job !== undefined && jobLink(queue ?? '', job)}</td>
    <td class="nowrap" data-label="Result">
      ${result === 'done' ? result : html`<span class="error">${result}</span>`} ${status}
    </td>
    <td class="code" data-label="From">${from}</td>
  </tr> `;
}

function jobLink(queue: string, job: string): Html {
  return html`<a href="/ops/queues/queue/${encodeURIComponent(queue)}/${encodeURIComponent(job)}">${job}</a>`;
}
