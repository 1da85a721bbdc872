import type { Outcome } from '../operations/outcome.js';
import type { CellChange, OutcomeData, OutcomeEvent } from './event.js';

/** What is known of an outcome. */
export interface KnownOutcome {
  readonly namespace: string;
  /** Of the update. */
  readonly id: string;
  readonly jobId: string;
  readonly operation: string;
  /** `attempt`: of one that failed, from 1 on. */
  readonly outcome: Outcome & { readonly attempt?: number };
  readonly cells: readonly CellChange[];
  readonly idempotencyKey?: string | undefined;
  readonly atMs: number;
}

/** The event of an outcome: the one shape for streams, webhooks and replies. */
export function outcomeEvent(known: KnownOutcome): OutcomeEvent {
  const { namespace, id, jobId, operation, outcome, cells, idempotencyKey, atMs } = known;
  const { status, attempt } = outcome;
  const data: OutcomeData = {
    ...{ id, jobId, operation },
    ...outcome,
    cells,
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  };
  const subject = cells[0]?.key;
  return {
    specversion: '1.0',
    id: [id, status, ...(attempt === undefined ? [] : [attempt])].join(':'),
    source: `/tally/${namespace}`,
    type: `tally.${operation}.${status}`,
    ...(subject !== undefined && { subject }),
    time: new Date(atMs).toISOString(),
    datacontenttype: 'application/json',
    data,
  };
}
