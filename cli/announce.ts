import { Announcement } from '../src/metrics/processes.js';
import type { Metrics } from '../src/metrics/metrics.js';
import type { Stop } from './on-stop.js';

/** Says in Redis that this process is there, until it is stopped. */
export function announce(metrics: Metrics, role: string, stops: Stop[]): void {
  const announcement = new Announcement(metrics.requireStore(), role, () => ({ answered: metrics.http.recent.read() }));
  stops.push(() => announcement.close());
}
