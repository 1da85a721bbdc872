import type { Outcome } from '../../src/index.js';
import { BatchSizes } from './batch-sizes.js';
import { LatencyRecorder } from './latency.js';
import type { Counts, ErrorCount, OutcomeCount, Sample } from './result.js';

const SAMPLE_MS = 1_000;

/** What leaves so long after it was due is late: a timer is a few ms late by itself. */
export const LATE_MS = 10;

/** A service that is down may answer with the time or an id in each of its errors. */
const MAX_MESSAGES = 100;

/** Counts what happens in the load of one side, and samples it once a second. */
export class Meter {
  readonly samples: Sample[] = [];
  readonly startedAtMs = performance.now();
  readonly acknowledgement = new LatencyRecorder();
  readonly outcome = new LatencyRecorder();
  /** As `outcome`, since it was last reset: for one step of a search. */
  readonly step = new LatencyRecorder();
  readonly batchSizes = new BatchSizes();
  /** When the last outcome became known. */
  lastOutcomeAtMs = this.startedAtMs;

  readonly #second = new LatencyRecorder();
  readonly #errors = new Map<string, number>();
  readonly #outcomes = new Map<
    string,
    { count: number; duplicates: number } & Omit<OutcomeCount, 'count' | 'duplicates'>
  >();
  readonly #counts = { submitted: 0, acknowledged: 0, refused: 0, unknown: 0, completed: 0 };
  #errorCount = 0;
  #late = 0;
  #sampled = { submitted: 0, completed: 0, errors: 0 };
  #timer: NodeJS.Timeout | undefined;

  /** @param onSample called with each sample when it is taken */
  constructor(
    private readonly onSample: (sample: Sample) => void,
    /** At the beginning, of whose updates no times count. */
    private readonly warmUpMs = 0,
  ) {
    this.#timer = setInterval(() => {
      this.#sample();
    }, SAMPLE_MS);
  }

  get counts(): Counts {
    return { ...this.#counts };
  }

  /** Accepted updates without an outcome. */
  get backlog(): number {
    return this.#counts.acknowledged - this.#counts.completed;
  }

  /** Updates without an answer. */
  get inFlight(): number {
    const { submitted, acknowledged, refused, unknown } = this.#counts;
    return submitted - acknowledged - refused - unknown;
  }

  get errors(): number {
    return this.#errorCount;
  }

  /** Updates that left later than {@link LATE_MS} after they were due. */
  get late(): number {
    return this.#late;
  }

  /** @param lateMs how long after they were due they left */
  submitted(updates: number, lateMs: number): void {
    this.#counts.submitted += updates;
    this.#late += lateMs > LATE_MS ? updates : 0;
  }

  /** @param ms since it was due; undefined when that can't be told from its outcome */
  acknowledged(ms: number | undefined): void {
    this.#counts.acknowledged += 1;
    if (ms !== undefined && this.#isWarm(ms)) {
      this.acknowledgement.record(ms);
    }
  }

  notAccepted(updates: number, isKnown: boolean, message: string): void {
    this.#counts[isKnown ? 'refused' : 'unknown'] += updates;
    this.error(message, updates);
  }

  completed(operation: string, outcome: Outcome, ms: number): void {
    this.#counts.completed += 1;
    if (this.#isWarm(ms)) {
      this.outcome.record(ms);
    }
    this.step.record(ms);
    this.#second.record(ms);
    this.lastOutcomeAtMs = performance.now();
    const { status } = outcome;
    const reason = status === 'applied' ? undefined : outcome.reason;
    const name = [operation, status, reason].join(' ');
    let known = this.#outcomes.get(name);
    if (known === undefined) {
      known = { operation, status, ...(reason !== undefined && { reason }), count: 0, duplicates: 0 };
      this.#outcomes.set(name, known);
    }
    known.count += 1;
    known.duplicates += 'duplicate' in outcome ? 1 : 0;
  }

  error(message: string, count = 1): void {
    this.#errorCount += count;
    const known = this.#errors.has(message) || this.#errors.size < MAX_MESSAGES;
    const shown = known ? message : 'further errors';
    this.#errors.set(shown, (this.#errors.get(shown) ?? 0) + count);
  }

  /** Takes the last sample and no more. */
  close(): void {
    clearInterval(this.#timer);
    this.#sample();
  }

  outcomes(): OutcomeCount[] {
    return [...this.#outcomes.keys()].sort().flatMap((name) => this.#outcomes.get(name) ?? []);
  }

  errorCounts(): ErrorCount[] {
    return [...this.#errors].map(([message, count]) => ({ message, count })).sort((a, b) => b.count - a.count);
  }

  /** Whether something that was due so long ago was due after the warm-up. */
  #isWarm(ms: number): boolean {
    return performance.now() - ms - this.startedAtMs >= this.warmUpMs;
  }

  #sample(): void {
    const { submitted, completed } = this.#counts;
    const sample: Sample = {
      atMs: Math.round(performance.now() - this.startedAtMs),
      submitted: submitted - this.#sampled.submitted,
      completed: completed - this.#sampled.completed,
      backlog: this.backlog,
      inFlight: this.inFlight,
      errors: this.#errorCount - this.#sampled.errors,
      ...(this.#second.count > 0 && { p50Ms: this.#second.atPercentile(50), p99Ms: this.#second.atPercentile(99) }),
    };
    this.#sampled = { submitted, completed, errors: this.#errorCount };
    this.#second.reset();
    this.samples.push(sample);
    this.onSample(sample);
  }
}
