import type { RequestHandler } from 'express';
import type { Store } from '../../src/layout/store.js';
import type { Registry } from '../../src/operations/registry.js';
import { readSchedules } from '../../src/readers/read-schedules.js';
import type { Schedule } from '../../src/readers/read-schedules.js';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import { signedInOf } from '../access/signed-in.js';
import { outcomeWords } from '../board/words.js';
import { exactWords } from '../words.js';
import { askMasterOf } from '../master-unreachable.js';
import { sendPage } from '../page.js';
import { PAGE_ASSETS } from '../page-script.js';
import { timeAt, ZONE } from '../time.js';

export const SCHEDULES_PATH = '/ops/schedules';

/** The page of all schedules. */
export function schedulesPage(
  store: Pick<Store, 'redis' | 'keys' | 'masters'> & { readonly registry: Registry },
): RequestHandler {
  return async (_request, response) => {
    const { masters, keys } = store;
    const schedules = await askMasterOf(masters, keys.schedules, 'the schedules', () => readSchedules(store));
    const content = html`<p class="muted">
        Updates that are made again and again, each run once; times are those of ${ZONE}. They are put, paused and
        removed by
        <span class="code">tally schedules</span>, the library and the HTTP API.
      </p>
      ${schedules.length === 0 ? html`<p class="card muted">There are none.</p>` : table(schedules)}`;
    sendPage(response, { title: 'Schedules', user: signedInOf(response), content, assets: PAGE_ASSETS });
  };
}

function table(schedules: readonly Schedule[]): Html {
  return html`<div class="scroll" tabindex="0">
    <table class="stacks">
      <thead>
        <tr>
          <th>Schedule</th>
          <th>Owner</th>
          <th>When</th>
          <th>Update</th>
          <th>Next run</th>
          <th>Last run</th>
          <th>Its outcome</th>
        </tr>
      </thead>
      <tbody>
        ${schedules.map(row)}
      </tbody>
    </table>
  </div>`;
}

function row({ id, cron, timeZone, everyMs, update, paused, owner, nextRunAt, lastRun }: Schedule): Html {
  return html`<tr>
    <td data-label="Schedule">${id}</td>
    <td data-label="Owner">${owner}</td>
    <td class="nowrap" data-label="When">
      ${cron === undefined ? `every ${exactWords(everyMs ?? 0)}` : `${cron} (${timeZone ?? 'UTC'})`}
    </td>
    <td data-label="Update"><span class="code">${update.operation} ${JSON.stringify(update.params)}</span></td>
    <td class="nowrap" data-label="Next run">
      ${paused ? 'paused' : nextRunAt === undefined ? 'unknown' : timeAt(nextRunAt)}
    </td>
    <td class="nowrap" data-label="Last run">${lastRun && timeAt(lastRun.at)}</td>
    <td data-label="Its outcome">${lastRun && outcomeWords(lastRun.outcome)}</td>
  </tr> `;
}
