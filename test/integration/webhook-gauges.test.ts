import { expect, onTestFinished, test } from 'vitest';
import { createMetrics } from '../../src/metrics/metrics.js';
import { addUser, startDashboard } from '../support/dashboard.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { setUp } from '../support/webhooks.js';

/** The gauges of webhooks, without `tally_`. */
function gaugesOf(here: Place): () => Promise<Record<string, number>> {
  const { redis, namespace, prefix, logger } = here;
  const metrics = createMetrics({ redis, namespace, prefix, logger });
  onTestFinished(() => metrics.close());
  return async () => {
    const lines = [...(await metrics.text()).matchAll(/^tally_(webhook\S*) (\S+)$/gm)];
    return Object.fromEntries(lines.map(([, name = '', value]) => [name, Number(value)]));
  };
}

const overviewOf = async ({ raw }: Awaited<ReturnType<typeof startDashboard>>, cookie: string) =>
  (await raw({ path: '/ops', headers: { accept: 'text/html', cookie } })).body.replace(/\s+/g, ' ');

test('without webhooks nothing is said of them', async () => {
  expect(await gaugesOf(place())()).toEqual({});
});

test('what is not handed out, what is tried again and what was disabled stands in the metrics and on the overview', async () => {
  const { here, receiver, webhooks, send, restock } = await setUp();
  const gauges = gaugesOf(here);
  await addUser(here, 'vera', 'viewer');
  const dashboard = await startDashboard(here);
  const cookie = await dashboard.signIn('vera');
  const { webhook } = await webhooks.add({ url: receiver.url });
  const idle = { 'webhooks{state="enabled"}': 1, 'webhook_deliveries{state="failed"}': 0, webhooks_behind_seconds: 0 };
  expect(await gauges()).toMatchObject({ ...idle, webhook_oldest_delivery_age_seconds: 0 });

  await restock(here.key('lamp'), 3);
  await until('nobody hands it out', async () => (await gauges())['webhooks_behind_seconds']! > 0.2);

  receiver.answer = () => ({ status: 503 });
  const close = send({ retriesFasterBy: 1 });
  await until('all are tried again', async () => (await gauges())['webhook_deliveries{state="retrying"}'] === 3);
  const behind = await gauges();
  expect(behind).toMatchObject({ ...idle, 'webhook_deliveries{state="waiting"}': 0 });
  expect(behind['webhook_oldest_delivery_age_seconds']).toBeGreaterThan(0);
  await until('the overview has it', async () => (await overviewOf(dashboard, cookie)).includes('3 tried again'));
  expect(await overviewOf(dashboard, cookie)).toContain(`127.0.0.1:${receiver.port}`);
  expect(await overviewOf(dashboard, cookie)).not.toContain('/hook'); // the path of a URL may be its secret

  receiver.answer = () => ({ status: 410 });
  await until('its target is gone', async () => (await gauges())['webhooks{state="gone"}'] === 1, 90_000);
  await until('the overview says so', async () =>
    (await overviewOf(dashboard, cookie)).includes(`Tally has disabled 1 webhook: ${webhook.id}`),
  );
  await close();
});
