const FIRST_DELAY_MS = 50;
const LONGEST_DELAY_MS = 2_000;

/** So that not all processes come back in the same moment. */
const JITTER_MS = 200;

type Delay = (times: number, reason?: Error) => number;

/** What ioredis takes for a strategy: any answer but a number ends the connection for good. */
type Strategy = ((times: number, reason?: Error) => unknown) | null | undefined;

/** How long to wait before the next attempt to connect, after so many. */
export function reconnectDelayMs(times: number): number {
  return Math.min(FIRST_DELAY_MS * 2 ** (times - 1), LONGEST_DELAY_MS) + Math.floor(Math.random() * JITTER_MS);
}

/** The delays of a user's strategy, and other delays where it would give up: a worker that is cut off for good says nothing. */
export function persistent(strategy: Strategy, otherwise: Delay): Delay {
  return (times, reason) => {
    try {
      const delayMs = strategy?.(times, reason);
      return typeof delayMs === 'number' && delayMs >= 0 && Number.isFinite(delayMs) ? delayMs : otherwise(times);
    } catch {
      return otherwise(times); // it is called where an error would end the process
    }
  };
}
