import type { Gauge, Registry } from 'prom-client';
import type { RedisClock } from '../redis/clock.js';
import { newGauge } from './prom-client.js';

/** Shows how far the clocks of this machine and of Redis are apart, whoever in the process asks Redis for its time. */
export class ClockOffsets {
  readonly #gauge: Gauge<'node'>;
  readonly #clocks = new Set<RedisClock>();

  constructor(register: Registry) {
    this.#gauge = newGauge({
      name: 'tally_redis_clock_offset_seconds',
      help: 'How far the clock of Redis, or of a master of a Cluster, is ahead of that of the machine of this process.',
      labelNames: ['node'],
      registers: [register],
      collect: () => {
        for (const [node, offsetMs] of [...this.#clocks].flatMap((clock) => [...clock.wallOffsetsMs()])) {
          this.note(node, offsetMs);
        }
      },
    });
  }

  /** Shows what a clock knows, until it is closed. */
  watch(clock: RedisClock): void {
    this.#clocks.add(clock);
  }

  note(node: string, offsetMs: number): void {
    this.#gauge.set({ node }, offsetMs / 1000);
  }
}
