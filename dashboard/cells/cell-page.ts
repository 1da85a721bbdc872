import { describeCell } from '../../src/redis/cell.js';
import type { Registry } from '../../src/operations/registry.js';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import type { BoardNames } from './board-names.js';
import { changesTable } from './changes-table.js';
import { chart } from './chart.js';
import { historyAdvice } from './history-advice.js';
import type { InspectedCell } from './inspect-cell.js';
import type { WaitingJobs } from './waiting-jobs.js';
import { waitingTable } from './waiting-table.js';
import { reservationsTable } from './reservations-table.js';
import type { Reservations } from '../../src/readers/read-reservations.js';

export interface KnownOfCell {
  readonly inspected: InspectedCell;
  readonly reservations: Reservations;
  readonly waiting: WaitingJobs;
  /** Of the jobs that changed it. */
  readonly boardNames: BoardNames;
}

/** What is known of a cell. */
export function cellContent(known: KnownOfCell, registry: Registry): Html {
  const { inspected, reservations, waiting, boardNames } = known;
  const { cell, changes, value } = inspected;
  return html`<h2 class="code">${describeCell(cell)}</h2>
    ${facts(inspected)}
    <h2>Last changes</h2>
    <div class="stack">
      ${chart(inspected, Date.now())} ${changesTable(changes, value, boardNames)} ${historyAdvice(registry)}
    </div>
    ${reservations.total > 0 && reservationsTable(reservations)}
    <h2>Jobs that may still change it</h2>
    ${waitingTable(waiting)}`;
}

function facts({ type, value, problem, expiresInMs }: InspectedCell): Html {
  return html`<dl class="card">
    <dt>Value</dt>
    <dd>${value ?? html`<span class="error">${problem}</span>`}</dd>
    <dt>Type of the key</dt>
    <dd>${type}</dd>
    <dt>Time to live</dt>
    <dd>${lifeWords(type, expiresInMs)}</dd>
  </dl>`;
}

function lifeWords(type: string, expiresInMs: number | undefined): string {
  if (type === 'none') {
    return 'there is no such key';
  }
  return expiresInMs === undefined ? 'does not expire' : `expires in ${Math.ceil(expiresInMs / 1000)} s`;
}
