import { test } from 'vitest';
import { createMetrics } from '../../src/index.js';
import { addUser, startDashboard } from '../support/dashboard.js';
import { boardRequests } from '../support/dashboard-routes.js';
import { place, until } from '../support/tally.js';

/** Pages, and what they load, each by the path that it is counted under. */
const PATHS: readonly (readonly [path: string, counted: string])[] = [
  ...['/ops', '/ops/overview-part', '/ops/failures', '/ops/keys', '/ops/find'].map((path) => [path, path] as const),
  ...['/ops/schedules', '/ops/webhooks', '/ops/audit', '/ops/page.js', '/ops/pages.css', '/ops/queues'].map(
    (path) => [path, path] as const,
  ),
  ...['/ops/sign-in', '/ops/sign-out', '/healthz', '/metrics'].map((path) => [path, path] as const),
  ['/ops/runbook', '/ops/runbook'],
  ['/ops/runbook/TallyNoWorkers', '/ops/runbook/{part}'],
  ['/ops/docs/operations', '/ops/docs/{name}'],
  ['/ops/assets/chart.js', '/ops/assets/'],
  ['/ops/queues/queue/counters', '/ops/queues/'],
  ['/ops/queues/api/queues', '/ops/queues/api/'],
  ['/', 'other'],
  ['/ops/nowhere', 'other'],
  ['/ops/keysofsomebody', 'other'],
];

test('requests to the dashboard are counted as those to the API are, by the path that they fit', async () => {
  const here = place();
  const metrics = createMetrics();
  const { raw } = await startDashboard(here, { metrics });
  for (const [path] of PATHS) {
    await raw({ path });
  }
  const board = boardRequests({ queueName: 'counters', queueStatus: 'failed', jobId: 'j', schedulerId: 's' });
  for (const { path } of board.filter(({ method }) => method === 'GET')) {
    await raw({ path });
  }
  const routes = async () =>
    [...(await metrics.text()).matchAll(/^tally_http_requests_total\{method="GET",route="([^"]+)"/gm)].map(
      ([, it]) => it,
    );
  const expected = new Set(PATHS.map(([, counted]) => counted));
  await until('all are counted', async () => {
    const found = new Set((await routes()).filter((route) => route !== '/readyz'));
    return expected.size === found.size && [...expected].every((route) => found.has(route));
  });
});

test('what is refused is counted with its status', async () => {
  const here = place();
  await addUser(here, 'ann', 'viewer');
  const metrics = createMetrics();
  const { raw, signIn } = await startDashboard(here, { metrics });
  await raw({ method: 'POST', path: '/ops/failures/retry' });
  await raw({ method: 'POST', path: '/ops/failures/retry', headers: { cookie: await signIn('ann') } });
  const counted = (status: number) =>
    `tally_http_requests_total{method="POST",route="/ops/failures/retry",status="${status}"} 1`;
  await until('both are counted', async () => {
    const text = await metrics.text();
    return text.includes(counted(401)) && text.includes(counted(403));
  });
});
