import type { RequestHandler } from 'express';
import { signedInOf } from '../access/signed-in.js';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import { sendPage } from '../page.js';
import type { AuditLog } from './audit-log.js';
import type { AuditEntry } from './entry.js';

export const AUDIT_PATH = '/ops/audit';

/** The page of the last actions. */
export function auditPage(log: AuditLog): RequestHandler {
  return async (_request, response) => {
    const { ofUsers, ofStrangers } = await log.read();
    const content = html`<p class="muted">
        Whatever was done here or refused, the latest first; times are UTC. The log of Tally has it all.
      </p>
      <h2>Actions</h2>
      ${table(ofUsers)}
      <h2>Without a sign-in</h2>
      ${table(ofStrangers)}`;
    sendPage(response, { title: 'Audit', user: signedInOf(response), content });
  };
}

function table(entries: readonly AuditEntry[]): Html {
  if (entries.length === 0) {
    return html`<p class="card muted">Nothing so far.</p>`;
  }
  return html`<div class="scroll" tabindex="0">
    <table>
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

function row({ at, who, role, action, queue, job, result, status, from }: AuditEntry): Html {
  return html`<tr>
    <td class="nowrap"><time datetime="${at}">${at.slice(0, 19).replace('T', ' ')}</time></td>
    <td>${who ?? 'someone'} ${role !== undefined && html`<span class="tag">${role}</span>`}</td>
    <td>${action}</td>
    <td>${queue}</td>
    <td class="code">${job !== undefined && jobLink(queue ?? '', job)}</td>
    <td class="nowrap">${result === 'done' ? result : html`<span class="error">${result}</span>`} ${status}</td>
    <td class="code">${from}</td>
  </tr> `;
}

function jobLink(queue: string, job: string): Html {
  return html`<a href="/ops/queues/queue/${encodeURIComponent(queue)}/${encodeURIComponent(job)}">${job}</a>`;
}
