const MINUTE_MS = 60_000;

const MINUTES = 5;

/** Probes are no callers, and 503 is what they are for; nor is who looks at the dashboard. */
const NO_CALLERS = /^\/(?:healthz|readyz|metrics|ops(?:\/.*)?)$/;

/** What an API answered within the last minutes. */
export interface RequestCounts {
  readonly requests: number;
  /** With 5xx, but for 501: who asks for what is not turned on here is at fault himself. */
  readonly failed: number;
  /** With 429. */
  readonly turnedAway: number;
}

/** Counts the requests of the last five minutes, so that a process can tell others. */
export class RecentRequests {
  readonly #minutes = new Map<number, RequestCounts>();

  count(route: string, status: string): void {
    if (NO_CALLERS.test(route)) {
      return;
    }
    const minute = minuteNow();
    const { requests, failed, turnedAway } = this.#minutes.get(minute) ?? { requests: 0, failed: 0, turnedAway: 0 };
    this.#minutes.set(minute, {
      requests: requests + 1,
      failed: failed + (status.startsWith('5') && status !== '501' ? 1 : 0),
      turnedAway: turnedAway + (status === '429' ? 1 : 0),
    });
  }

  read(): RequestCounts {
    for (const minute of this.#minutes.keys()) {
      if (minute <= minuteNow() - MINUTES) {
        this.#minutes.delete(minute);
      }
    }
    const sum = (of: (counts: RequestCounts) => number) =>
      [...this.#minutes.values()].reduce((total, counts) => total + of(counts), 0);
    return {
      requests: sum(({ requests }) => requests),
      failed: sum(({ failed }) => failed),
      turnedAway: sum(({ turnedAway }) => turnedAway),
    };
  }
}

function minuteNow(): number {
  return Math.floor(performance.now() / MINUTE_MS);
}
