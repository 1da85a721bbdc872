import type { ConnectedProcess } from '../../src/metrics/processes.js';
import { workerFactsOf } from '../../src/metrics/pulse-form.js';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import { durationWords, mebibytes } from '../words.js';
import { WORKER_ORDER_PATH } from './links.js';
import type { Overview } from './read-overview.js';

/** The processes of Tally that are connected; operators tell workers to rest or to end. */
export function workersSection({ processes, takesNoWrites, nowMs }: Overview, isOperator: boolean): Html {
  return html`<h2>Processes</h2>
    ${
      processes.length === 0
        ? html`<p class="card muted">
            ${takesNoWrites ? 'Not known: Redis takes no writes, so none can say that it is there.' : 'None has said within a minute that it is there.'}
          </p>`
        : html`<div class="scroll" tabindex="0" role="region" aria-label="Processes">
            <table class="stacks">
              <thead>
                <tr>
                  <th>What</th>
                  <th>Host</th>
                  <th class="number">Process</th>
                  <th>Version</th>
                  <th>Queues</th>
                  <th class="number">Jobs running</th>
                  <th class="number">Memory</th>
                  <th>Up</th>
                  ${isOperator && html`<th><span class="unseen">Actions</span></th>`}
                </tr>
              </thead>
              <tbody>
                ${processes.map((each) => row(each, nowMs, isOperator))}
              </tbody>
            </table>
          </div>`
    }`;
}

function row(process: ConnectedProcess, nowMs: number, isOperator: boolean): Html {
  const { role, host, pid, version, memoryBytes, startedAtMs, clockOffsetMs } = process;
  const facts = workerFactsOf(process);
  return html`<tr>
    <td data-label="What">${role} ${facts?.isQuiet === true && html`<span class="tag warn">quiet</span>`}</td>
    <td data-label="Host">${host}</td>
    <td class="number" data-label="Process">${pid}</td>
    <td data-label="Version">${version}</td>
    <td data-label="Queues">${facts?.queues.join(', ')}</td>
    <td class="number" data-label="Jobs running">
      ${facts && html`${facts.running} of ${facts.concurrency * facts.queues.length}`}
    </td>
    <td class="number nowrap" data-label="Memory">${mebibytes(memoryBytes)}</td>
    <td class="nowrap" data-label="Up">${durationWords(Math.max(0, nowMs - clockOffsetMs - startedAtMs))}</td>
    ${isOperator && html`<td data-label="Actions">${facts && orders(`${host}:${pid}:${role}`, facts.isQuiet)}</td>`}
  </tr> `;
}

function orders(id: string, isQuiet: boolean): Html {
  return html`<form method="post" action="${WORKER_ORDER_PATH}" class="buttons">
    <input type="hidden" name="process" value="${id}" />
    <button class="quiet" name="order" value="${isQuiet ? 'resume' : 'quiet'}">${isQuiet ? 'Resume' : 'Quiet'}</button>
    <button class="quiet" name="order" value="stop">Stop</button>
  </form>`;
}
