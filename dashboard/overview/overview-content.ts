import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import { keyLink } from '../cells/links.js';
import { whatToDo } from '../documents/links.js';
import { groupRow } from '../failures/group-row.js';
import { FAILURES_PATH } from '../failures/links.js';
import { timeAt, ZONE } from '../time.js';
import { countWords, durationWords, exactWords, mebibytes } from '../words.js';
import { boardQueueLink, runningLink } from './links.js';
import { listenersSection } from './listeners-section.js';
import { ratesSection } from './rates.js';
import type { Overview, QueueFlow } from './read-overview.js';
import type { Trouble } from './trouble.js';
import { workersSection } from './workers-section.js';

/** All that stands on the overview, anew each time. */
export function overviewContent(overview: Overview, isOperator: boolean): Html {
  return html`${verdict(overview.troubles)} ${numbers(overview)} ${queuesSection(overview.queues)}
    <div class="columns">
      <section>${ratesSection(overview)}</section>
      <section>${failuresSection(overview, isOperator)}</section>
    </div>
    ${workersSection(overview, isOperator)} ${listenersSection(overview)}
    <div class="columns">
      <section>${hotSection(overview)}</section>
      <section>${redisSection(overview)}</section>
    </div>
    <div class="columns">
      <section>${doctorSection(overview)}</section>
      <section>${schedulesSection(overview)}</section>
    </div>
    <p class="muted">As of ${timeAt(overview.nowMs)}, ${ZONE}; read anew every 5 s.</p>`;
}

function verdict(troubles: readonly Trouble[]): Html {
  const [worst, ...others] = troubles;
  if (worst === undefined) {
    return html`<p class="verdict good" role="status"><strong>Healthy.</strong> Nothing waits for anybody.</p>`;
  }
  const head = worst.level === 'error' ? 'Not healthy' : 'Needs a look';
  return html`<div class="verdict ${worst.level === 'error' ? 'bad' : 'warn'}" role="status">
    <p><strong>${head}:</strong> ${worst.words}. ${whatToDo(worst.runbook)}</p>
    ${
      others.length > 0 &&
      html`<ul>
        ${others.slice(0, 9).map((each) => html`<li>${each.words}. ${whatToDo(each.runbook)}</li> `)}
        ${others.length > 9 && html`<li>and ${others.length - 9} more</li>`}
      </ul>`
    }
  </div>`;
}

/** The numbers that are asked for first. */
function numbers({ queues, failures }: Overview): Html {
  const known = queues.flatMap(({ updatesWaiting }) => updatesWaiting ?? []);
  const waiting = known.reduce((sum, each) => sum + each, 0);
  const oldest = Math.max(0, ...queues.map(({ oldestWaitingSeconds }) => oldestWaitingSeconds ?? 0));
  const delayed = queues.reduce((sum, { jobs }) => sum + (jobs?.delayed ?? 0), 0);
  const isKnown = known.length === queues.length;
  return html`<dl class="tiles">
    ${tile('Updates waiting', `${isKnown ? '' : 'at least '}${waiting.toLocaleString('en')}`)}
    ${tile('Oldest of them', waiting === 0 ? 'none' : durationWords(oldest * 1000))}
    ${tile('Time to drain', waiting === 0 ? 'none' : drainWordsOfAll(queues))}
    ${tile('Jobs for later', delayed.toLocaleString('en'))}
    ${tile('Failed updates', `${failures.isWhole ? '' : 'more than '}${failures.updates.toLocaleString('en')}`)}
  </dl>`;
}

/** Updates a second below which a backlog neither grows nor shrinks. */
const STANDS = 0.05;

/** How long what waits will take: by how it shrinks, or else at the pace of the last minute. Undefined when it does not end. */
function secondsLeft({ updatesWaiting, growthPerSecond, drainSeconds, isStill }: QueueFlow): number | undefined {
  if (isStill) {
    return undefined;
  }
  return growthPerSecond === undefined
    ? (drainSeconds ?? undefined)
    : growthPerSecond < -STANDS
      ? (updatesWaiting ?? 0) / -growthPerSecond
      : undefined;
}

function drainWords(flow: QueueFlow): string {
  const seconds = secondsLeft(flow);
  if (seconds !== undefined) {
    return durationWords(seconds * 1000);
  }
  const growth = flow.growthPerSecond ?? 0;
  return growth > STANDS ? `grows by ${growth.toFixed(1)} / s` : 'does not';
}

/** Of the one that takes longest. */
function drainWordsOfAll(queues: readonly QueueFlow[]): string {
  const waiting = queues.filter(({ jobs }) => (jobs?.waiting ?? 0) > 0);
  const seconds = waiting.map(secondsLeft);
  if (!seconds.includes(undefined)) {
    return durationWords(Math.max(0, ...seconds.map((each) => each ?? 0)) * 1000);
  }
  const growth = waiting.reduce((sum, { growthPerSecond }) => sum + (growthPerSecond ?? 0), 0);
  return growth > STANDS ? `grows by ${growth.toFixed(1)} / s` : 'does not end';
}

function tile(name: string, value: string): Html {
  return html`<div class="card">
    <dt>${name}</dt>
    <dd>${value}</dd>
  </div> `;
}

function failuresSection({ failures, nowMs }: Overview, isOperator: boolean): Html {
  const { groups, isWhole } = failures;
  const untilMs = Math.max(nowMs, ...groups.map(({ lastAtMs }) => lastAtMs));
  return html`<h2>Failed updates</h2>
    ${
      groups.length === 0
        ? html`<p class="card muted">None.</p>`
        : html`<ul class="rows">
            ${groups.slice(0, 5).map((group) => groupRow(group, isOperator, {}, untilMs))}
          </ul>`
    }
    ${
      (groups.length > 5 || !isWhole) &&
      html`<p class="muted">There are more: <a href="${FAILURES_PATH}">all failures</a>.</p>`
    }`;
}

function queuesSection(queues: readonly QueueFlow[]): Html {
  return html`<h2>Queues</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Queues">
      <table class="stacks">
        <thead>
          <tr>
            <th>Queue</th>
            <th class="number">Updates waiting</th>
            <th class="number">Jobs</th>
            <th class="number">Oldest</th>
            <th class="number">Updates / s</th>
            <th class="number">Drains in</th>
            <th class="number">Running</th>
            <th class="number">Workers</th>
          </tr>
        </thead>
        <tbody>
          ${queues.map(queueRow)}
        </tbody>
      </table>
    </div>`;
}

function queueRow(report: QueueFlow): Html {
  const { queue, updatesWaiting, jobs, oldestWaitingSeconds, updatesPerSecond, workers } = report;
  const { paused, rateLimit, concurrencyLimit } = report;
  const isWaiting = (jobs?.waiting ?? 0) > 0;
  return html`<tr>
    <td data-label="Queue">
      ${boardQueueLink(queue)} ${paused === true && html`<span class="tag bad">paused</span>`}
      ${rateLimit !== null && html`<span class="tag warn">${rateLimit.jobs} jobs / ${exactWords(rateLimit.perMs)}</span>`}
      ${concurrencyLimit !== null && html`<span class="tag warn">${concurrencyLimit} at a time</span>`}
    </td>
    <td class="number" data-label="Updates waiting">${number(updatesWaiting)}</td>
    <td class="number" data-label="Jobs">${number(jobs?.waiting)}</td>
    <td class="number nowrap" data-label="Oldest">${isWaiting && durationWords((oldestWaitingSeconds ?? 0) * 1000)}</td>
    <td class="number" data-label="Updates / s">
      ${number(updatesPerSecond === null ? null : Math.round(updatesPerSecond * 10) / 10)}
    </td>
    <td class="number nowrap" data-label="Drains in">${isWaiting && drainWords(report)}</td>
    <td class="number" data-label="Running">${jobs === null ? number(null) : runningLink(queue, jobs.active)}</td>
    <td class="number" data-label="Workers">${number(workers)}</td>
  </tr> `;
}

function number(value: number | null | undefined): string {
  return value === null || value === undefined ? 'unknown' : value.toLocaleString('en');
}

function hotSection({ hotKeys }: Overview): Html {
  return html`<h2>Keys that change most</h2>
    ${
      hotKeys.length === 0
        ? html`<p class="card muted">None within 5 minutes.</p>`
        : html`<ol class="card keys">
              ${hotKeys.map(({ key, updates }) => html`<li>${keyLink(key)} <span class="muted">about ${countWords(updates, 'update')}</span></li> `)}
            </ol>
            <p class="muted">Of the last 5 minutes, by a sample.</p>`
    }`;
}

function redisSection({ servers }: Overview): Html {
  return html`<h2>Redis</h2>
    ${servers.map(({ node, software, version, mode, ...server }) => {
      const { usedMemoryBytes, maxmemoryBytes, clients, maxClients, replicas, appendOnly } = server;
      return html`<dl class="card">
        <dt>Server</dt>
        <dd>${node}, ${software} ${version}, ${mode}</dd>
        <dt>Memory</dt>
        <dd>
          ${mebibytes(usedMemoryBytes)}${maxmemoryBytes === 0 ? ', without a limit' : ` of ${mebibytes(maxmemoryBytes)}`}
        </dd>
        <dt>Clients</dt>
        <dd>${clients.toLocaleString('en')} of ${maxClients.toLocaleString('en')}</dd>
        <dt>Append-only file</dt>
        <dd>
          ${!appendOnly ? html`<span class="error">off</span>` : server.appendOnlyFails ? html`<span class="error">can't be written</span>` : 'on'}
        </dd>
        <dt>Replicas</dt>
        <dd>${replicas}</dd>
      </dl> `;
    })}`;
}

function doctorSection({ findings }: Overview): Html {
  const found = findings?.filter(({ level }) => level !== 'ok') ?? [];
  return html`<h2>What doctor says</h2>
    ${
      findings === undefined
        ? html`<p class="card muted">It is looking.</p>`
        : found.length === 0
          ? html`<p class="card muted">Nothing that is to be mended, of ${countWords(findings.length, 'check')}.</p>`
          : html`<ul class="rows">
              ${found.map(
                ({ level, subject, message }) =>
                  html`<li class="card">
                    <span class="tag ${level === 'error' ? 'bad' : 'warn'}">${level}</span> ${subject}: ${message}
                  </li> `,
              )}
            </ul>`
    }`;
}

function schedulesSection({ schedules }: Overview): Html {
  const late = schedules.filter(
    ({ lastRun }) => lastRun !== undefined && !['applied', 'rejected'].includes(lastRun.outcome.status),
  );
  return html`<h2>Schedules</h2>
    <p class="card">
      <a href="/ops/schedules">${countWords(schedules.length, 'schedule')}</a>${
        late.length > 0 &&
        html`; of ${late.length} the last run was not applied: ${late.map(({ id }) => id).join(', ')}`
      }.
    </p>`;
}
