import type { Counter, Registry } from 'prom-client';
import type { Operation } from '../operations/operation.js';
import type { Outcome } from '../operations/outcome.js';
import { areAllApplied, kindOf, splitOutcomes } from '../operations/outcome.js';
import { newCounter } from './prom-client.js';

type Status = Outcome['status'];

const STATUSES = [
  'applied',
  'rejected',
  'failed',
  'unknown',
  'conflict',
  'cancelled',
] as const satisfies readonly Status[];

/** Counts updates by their operation. The producers and workers of a process that share metrics share these. */
export class UpdateCounters {
  readonly #submitted: Counter<'operation'>;
  readonly #ended: Counter<'operation' | 'outcome'>;
  readonly #duplicates: Counter<'operation'>;

  constructor(register: Registry) {
    const registers = [register];
    this.#submitted = newCounter({
      name: 'tally_updates_submitted_total',
      help: 'Updates that producers of this process queued, or answered at once by their idempotency keys.',
      labelNames: ['operation'],
      registers,
    });
    this.#ended = newCounter({
      name: 'tally_updates_total',
      help: 'Updates by what became of them, each once; without duplicates.',
      labelNames: ['operation', 'outcome'],
      registers,
    });
    this.#duplicates = newCounter({
      name: 'tally_duplicate_updates_total',
      help: 'Updates sent again under their idempotency key, which were answered with the first outcome.',
      labelNames: ['operation'],
      registers,
    });
  }

  /** Shows zeros for these operations: the first increase of a counter that was not there before is in no rate. */
  expect(operations: readonly Operation[]): void {
    for (const { name: operation } of operations) {
      this.#submitted.inc({ operation }, 0);
      this.#duplicates.inc({ operation }, 0);
      for (const outcome of STATUSES) {
        this.#ended.inc({ operation, outcome }, 0);
      }
    }
  }

  submitted(operation: string, updates: number): void {
    this.#submitted.inc({ operation }, updates);
  }

  ended(operation: string, outcome: Status, updates: number): void {
    this.#ended.inc({ operation, outcome }, updates);
  }

  /**
   * Counts updates by their outcomes in the script's form, joined as a record holds them. Those that failed, or of which it
   * is not known, are left out: their batch has put each back as a job of its own, with which they end.
   */
  completed(operation: string, outcomes: string, updates: number): void {
    if (areAllApplied(outcomes)) {
      this.ended(operation, 'applied', updates);
      return;
    }
    const counts = countByKind(outcomes);
    this.#duplicates.inc({ operation }, counts.duplicate);
    for (const outcome of ['applied', 'rejected', 'conflict', 'cancelled'] as const) {
      this.ended(operation, outcome, counts[outcome]);
    }
  }
}

/** How many outcomes there are of each kind. */
export function countByKind(outcomes: string): Record<ReturnType<typeof kindOf>, number> {
  const counts = { applied: 0, rejected: 0, conflict: 0, cancelled: 0, duplicate: 0, failed: 0, unknown: 0 };
  for (const outcome of splitOutcomes(outcomes)) {
    counts[kindOf(outcome)] += 1;
  }
  return counts;
}
