/** Lets the wall clock of this process be wrong. Import it before all that reads the time. */

const RealDate = Date;
let offsetMs = 0;

globalThis.Date = class extends RealDate {
  constructor(...args: [] | [value: number | string | Date]) {
    super(...((args.length === 0 ? [RealDate.now() + offsetMs] : args) as [number]));
  }

  static override now(): number {
    return RealDate.now() + offsetMs;
  }
} as DateConstructor;

/** Sets the clock this far ahead of the right time, or behind. */
export function shiftClock(byMs: number): void {
  offsetMs = byMs;
}
