import type { Registry } from '../../src/operations/registry.js';
import type { FoundUpdate } from '../../src/producers/find-update.js';
import type { Outcome } from '../../src/operations/outcome.js';
import { HoldCell } from '../../src/redis/cell.js';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import type { BoardNames } from './board-names.js';
import { cellLink, jobLink } from './links.js';
import { revertButton } from './revert.js';
import type { Found, RecordedUpdate } from './find-updates.js';
import { waitingTable } from './waiting-table.js';
import { kindOf, withoutSign } from '../../src/operations/outcome.js';

interface Context {
  readonly registry: Registry;
  readonly boardNames: BoardNames;
  /** Whether whoever looks at it may change anything. */
  readonly mayRevert: boolean;
}

const FORGOTTEN =
  'This id is from a time of which outcomes are kept no more: if there was such an update, it was completed and is forgotten.';

/** What was found. */
export function findContent(
  { byId, isForgotten, recorded, waiting, boardNames }: Found,
  registry: Registry,
  mayRevert: boolean,
): Html {
  const context = { registry, boardNames, mayRevert };
  if (byId === undefined && recorded.length === 0 && waiting.found.length === 0) {
    return html`<p class="card">
        ${isForgotten ? FORGOTTEN : 'Nothing was found.'} Completed jobs are kept for a day unless the workers are told
        otherwise, failed ones for 14; idempotency keys as long as the producers say, a day unless told otherwise.
      </p>
      ${waitingTable(waiting)}`;
  }
  return html`${byId && section('Update with this id', describeUpdate(byId, context))}
  ${recorded.map((each) => section('First update with this idempotency key', describeRecorded(each, context)))}
  ${section('Jobs with this idempotency key that wait, run or have failed', waitingTable(waiting))}`;
}

function section(title: string, content: Html): Html {
  return html`<section>
    <h2>${title}</h2>
    ${content}
  </section>`;
}

function describeRecorded({ updateId, outcome, update }: RecordedUpdate, context: Context): Html {
  if (update !== undefined) {
    return describeUpdate(update, context);
  }
  const kind = kindOf(outcome);
  const words =
    kind === 'rejected'
      ? `rejected, ${withoutSign(outcome)}`
      : kind === 'cancelled'
        ? 'cancelled'
        : `applied, with the numbers ${outcome}`;
  return html`<dl class="card">
    <dt>Update</dt>
    <dd class="code">${updateId}</dd>
    <dt>Outcome</dt>
    <dd>${words}</dd>
    <dt>Job</dt>
    <dd class="muted">no longer kept</dd>
  </dl>`;
}

function describeUpdate(found: FoundUpdate, { registry, boardNames, mayRevert }: Context): Html {
  const { id, operation, params, jobId, attempts, outcome } = found;
  return html`<dl class="card">
      <dt>Update</dt>
      <dd class="code">${id}</dd>
      <dt>Operation</dt>
      <dd>${operation}</dd>
      <dt>Params</dt>
      <dd class="code">${JSON.stringify(params)}</dd>
      <dt>Cells</dt>
      <dd>${cellsOf(operation, params, registry).map((link) => html`${link}<br />`)}</dd>
      <dt>Outcome</dt>
      <dd>${outcome === undefined ? 'none yet: it waits or runs' : outcomeWords(outcome)}</dd>
      <dt>Attempts</dt>
      <dd>${attempts}</dd>
      <dt>Job</dt>
      <dd>${jobLink(boardNames.get(jobId), jobId)}</dd>
    </dl>
    ${mayRevert && revertButton(found, registry)}`;
}

/** None when someone edited the job so that its cells can't be told. */
function cellsOf(operation: string, params: unknown, registry: Registry): Html[] {
  try {
    const steps = registry.find(operation)?.steps(params) ?? [];
    return steps.flatMap(({ cells }) => cells.filter((cell) => !(cell instanceof HoldCell)).map(cellLink));
  } catch {
    return [];
  }
}

function outcomeWords(outcome: Outcome): string {
  const again = 'duplicate' in outcome ? ', as it was the first time' : '';
  return outcome.status === 'applied'
    ? `applied${again}: ${JSON.stringify(outcome.result)}`
    : `${outcome.status}${again}, ${outcome.reason}: ${outcome.message}`;
}
