import { build } from 'hdr-histogram-js';
import type { Histogram } from 'hdr-histogram-js';
import type { Latency } from './result.js';

/** An hour, in the microseconds that histograms count. What takes longer counts as an hour. */
const LONGEST_MICROS = 3_600_000_000;

const CURVE = [0, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.75, 99.9, 99.95, 99.99, 100];

/** Times of a load. */
export class LatencyRecorder {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: LONGEST_MICROS,
    numberOfSignificantValueDigits: 3,
  });

  record(ms: number): void {
    this.#histogram.recordValue(Math.min(LONGEST_MICROS, Math.max(0, Math.round(ms * 1000))));
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  /** @param percentile 0 to 100 */
  atPercentile(percentile: number): number {
    return this.#histogram.getValueAtPercentile(percentile) / 1000;
  }

  reset(): void {
    this.#histogram.reset();
  }

  summary(): Latency {
    const { count } = this;
    const at = (percentile: number) => (count === 0 ? 0 : this.atPercentile(percentile));
    return {
      count,
      meanMs: count === 0 ? 0 : this.#histogram.mean / 1000,
      p50Ms: at(50),
      p90Ms: at(90),
      p99Ms: at(99),
      p999Ms: at(99.9),
      maxMs: at(100),
      curve: count === 0 ? [] : CURVE.map((percentile) => ({ percentile, ms: at(percentile) })),
    };
  }
}
