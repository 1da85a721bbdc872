import { expect, onTestFinished, test, vi } from 'vitest';
import { RecentRequests } from '../../src/metrics/recent-requests.js';

test('requests of the last five minutes are counted, but for probes and the dashboard', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const recent = new RecentRequests();
  for (const route of ['/healthz', '/readyz', '/metrics', '/ops', '/ops/failures']) {
    recent.count(route, '503');
  }
  for (const status of ['202', '503', '500', '501', '429', 'aborted']) {
    recent.count('/v1/updates', status);
  }
  expect(recent.read()).toEqual({ requests: 6, failed: 2, turnedAway: 1 });
  vi.advanceTimersByTime(3 * 60_000);
  recent.count('/v1/updates/{id}', '404');
  expect(recent.read()).toEqual({ requests: 7, failed: 2, turnedAway: 1 });
  vi.advanceTimersByTime(2 * 60_000);
  expect(recent.read()).toEqual({ requests: 1, failed: 0, turnedAway: 0 });
});
