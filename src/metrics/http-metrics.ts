import type { Counter, Histogram, Registry } from 'prom-client';
import { newCounter, newHistogram } from './prom-client.js';
import { RecentRequests } from './recent-requests.js';

/** From an update that is queued at once to a request that waits for its outcome, for 30 s at most. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** One request that was answered. Of each part there are few values, whatever is sent: they are labels. */
export interface AnsweredRequest {
  readonly method: string;
  /** The path as OpenAPI has it, such as `/v1/updates/{id}`. */
  readonly route: string;
  /** `aborted` where the client left before. */
  readonly status: string;
}

/** Counts the requests to the API of a process. */
export class HttpMetrics {
  readonly recent = new RecentRequests();
  readonly #requests: Counter<'method' | 'route' | 'status'>;
  readonly #seconds: Histogram<'method' | 'route'>;
  readonly #refused: Counter<'reason'>;

  constructor(register: Registry) {
    const registers = [register];
    this.#requests = newCounter({
      name: 'tally_http_requests_total',
      help: 'Requests that the API of this process answered, by route and status; aborted where the client left before.',
      labelNames: ['method', 'route', 'status'],
      registers,
    });
    this.#seconds = newHistogram({
      name: 'tally_http_request_duration_seconds',
      help: 'From the arrival of a request until it was answered, with the time that it waited for outcomes.',
      labelNames: ['method', 'route'],
      buckets: SECONDS,
      registers,
    });
    this.#refused = newCounter({
      name: 'tally_http_updates_refused_total',
      help: 'Updates that the API of this process refused, by the code of the problem; one for a request whose body it did not read.',
      labelNames: ['reason'],
      registers,
    });
  }

  /** Shows zeros for these reasons: the first increase of a counter that was not there before is in no rate. */
  expect(reasons: readonly string[]): void {
    for (const reason of reasons) {
      this.#refused.inc({ reason }, 0);
    }
  }

  /** @param seconds undefined for a stream, which is answered for as long as its client listens */
  answered({ method, route, status }: AnsweredRequest, seconds: number | undefined): void {
    this.#requests.inc({ method, route, status });
    this.recent.count(route, status);
    if (seconds !== undefined) {
      this.#seconds.observe({ method, route }, seconds);
    }
  }

  refused(reason: string, updates: number): void {
    this.#refused.inc({ reason }, updates);
  }
}
