import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { clockShim } from './clock-shim.js';

/** Time, as Redis and this process have it. */
export interface TestClock {
  /** By how much it is ahead of the right time, in ms. */
  readonly offsetMs: number;
  /**
   * Moves time forward, for Redis and for `Date` in this process; timers go on as they are. Resolves when what has become due is on
   * its way: `drain()` waits for it. A schedule runs once, as it would after a pause.
   *
   * @throws Error without `movableClock: true`
   */
  advance(ms: number): Promise<void>;
}

/** What the start needs to know of a clock. */
export interface OwnClock extends TestClock {
  /** For the server process. */
  readonly environment?: Record<string, string>;
  moved: () => Promise<void>;
  reset(): void;
}

export class NoClock implements OwnClock {
  readonly offsetMs = 0;
  moved = () => Promise.resolve();

  advance(): Promise<void> {
    return Promise.reject(new Error('this clock can not be moved: start with startTally({ movableClock: true })'));
  }

  reset(): void {
    // it was not moved
  }
}

const RealDate = Date;

/** A clock whose offset stands in a file that the server has mapped, see `clock-shim.c`. */
export class ClockFile implements OwnClock {
  readonly environment: Record<string, string>;
  moved: () => Promise<void> = () => Promise.resolve();
  readonly #file: string;
  #offsetMs = 0;

  constructor(folder: string) {
    if (process.platform !== 'linux') {
      throw new Error(`movableClock works on Linux only, and this is ${process.platform}`);
    }
    this.#file = join(folder, 'clock');
    writeFileSync(this.#file, new Uint8Array(BigInt64Array.BYTES_PER_ELEMENT));
    this.environment = { LD_PRELOAD: clockShim(), CLOCK_SHIM_FILE: this.#file };
  }

  get offsetMs(): number {
    return this.#offsetMs;
  }

  async advance(ms: number): Promise<void> {
    if (!Number.isSafeInteger(ms) || ms < 0) {
      throw new RangeError(`clock.advance: ${ms} must be a whole number of ms, 0 or more`);
    }
    this.#offsetMs += ms;
    const opened = openSync(this.#file, 'r+'); // not written anew: the server has mapped this very file
    writeSync(opened, BigInt64Array.of(BigInt(this.#offsetMs)), 0, BigInt64Array.BYTES_PER_ELEMENT, 0);
    closeSync(opened);
    globalThis.Date = dateAhead(this.#offsetMs);
    await this.moved();
  }

  reset(): void {
    globalThis.Date = RealDate;
  }
}

function dateAhead(offsetMs: number): DateConstructor {
  return class extends RealDate {
    constructor(...args: [] | [value: number | string | Date]) {
      super(...((args.length === 0 ? [RealDate.now() + offsetMs] : args) as [number]));
    }

    static override now(): number {
      return RealDate.now() + offsetMs;
    }

    /** Those that were made before the clock was moved are dates as well. */
    static override [Symbol.hasInstance](it: unknown): boolean {
      return it instanceof RealDate;
    }
  } as DateConstructor;
}
