import { expect, onTestFinished, test } from 'vitest';
import { createSubscriber } from '../../src/index.js';
import { createMetrics } from '../../src/metrics/metrics.js';
import { startApi } from '../support/http-api.js';
import { scrapeWith } from '../support/scrape.js';
import { place, until } from '../support/tally.js';
import { alertRules } from './alert-rules.js';
import { grafanaExpressions } from './dashboard-panels.js';
import { documentsOf } from './files.js';
import { readPromql } from './promql.js';

/** Labels that Prometheus itself gives, beside those of the metrics. */
const PROMETHEUS_LABELS = ['job', 'instance'];

/** Metrics that Prometheus itself has of whatever it scrapes. */
const PROMETHEUS_METRICS = ['up'];

/** The metrics of a Tally that has applied an update, and told a subscriber: names, and labels. */
async function servedMetrics(): Promise<{ names: Set<string>; labels: Set<string> }> {
  const here = place();
  const metrics = createMetrics({
    redis: here.redis,
    namespace: here.namespace,
    prefix: here.prefix,
    logger: here.logger,
  });
  await here.worker({ metrics, outcomes: true });
  let told = 0;
  const subscriber = createSubscriber({
    redis: here.redis,
    namespace: here.namespace,
    logger: here.logger,
    metrics,
    group: 'g',
    start: 'beginning',
    onOutcome: () => {
      told += 1;
    },
  });
  onTestFinished(() => subscriber.close());
  const submission = await here.producer({ metrics }).counters.increment({ key: here.key('n') });
  expect(await submission.outcome()).toMatchObject({ status: 'applied' });
  await until('it was told', () => told > 0);
  await (await startApi(here, { metrics })).request('/v1/operations');
  metrics.relay.ended('outbox', 'applied'); // what a relay counts with is what `tally relay` is tested for
  metrics.relay.active('outbox', true);
  metrics.relay.lag('outbox', { waiting: 1, oldestSeconds: 1 });
  const text = await scrapeWith(metrics, 'tally_processes{role="worker"} 1'); // it has said so by then
  await metrics.close();
  const names = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].flatMap(([, name = '', type]) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  );
  const labels = [...text.matchAll(/[{,](\w+)="/g)].map(([, label = '']) => label);
  return { names: new Set([...names, ...PROMETHEUS_METRICS]), labels: new Set([...labels, ...PROMETHEUS_LABELS]) };
}

/** The query by which KEDA scales workers. */
function scalerQueries(): string[] {
  const [scaler] = documentsOf<{ spec: { triggers: { metadata: { query: string } }[] } }>(
    'deploy/kubernetes/keda.yaml',
  );
  return scaler!.spec.triggers.map(({ metadata }) => metadata.query);
}

test('alerts, Grafana and KEDA ask only for metrics and labels that Tally serves', async () => {
  const { names, labels } = await servedMetrics();
  const expressions = [...alertRules().map(({ expr }) => expr), ...grafanaExpressions(), ...scalerQueries()];
  expect(expressions.length).toBeGreaterThan(50);
  for (const expression of expressions) {
    const reading = readPromql(expression);
    expect(reading.metrics.size, expression).toBeGreaterThan(0);
    expect(
      [...reading.metrics].filter((name) => !names.has(name)),
      expression,
    ).toEqual([]);
    expect(
      [...reading.labels].filter((label) => !labels.has(label)),
      expression,
    ).toEqual([]);
  }
});

test('Grafana shows every metric of Tally', async () => {
  const shown = grafanaExpressions().join('\n');
  const { names } = await servedMetrics();
  const own = [...names]
    .filter((name) => name.startsWith('tally_'))
    .map((name) => name.replace(/_(bucket|sum|count)$/, ''));
  expect(own.length).toBeGreaterThan(15);
  expect([...new Set(own)].filter((name) => !shown.includes(name))).toEqual([]);
});
