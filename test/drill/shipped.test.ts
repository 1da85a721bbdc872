import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { documentsOf } from '../deploy/files.js';
import { SCENARIOS } from './scenarios/index.js';
import { follow, hurriedConfig, hurriedRules, shippedRules } from './shipped.js';

interface Rules {
  groups: { rules: { alert: string; expr: string; for?: string; labels: object }[] }[];
}

const rulesOf = (text: string) => (parse(text) as Rules).groups.flatMap(({ rules }) => rules);

test('hurried rules are the shipped ones, but for their times', () => {
  const shipped = rulesOf(shippedRules());
  const hurried = rulesOf(hurriedRules(shippedRules(), 30));
  const withoutTimes = ({ expr, for: _, ...rule }: Rules['groups'][0]['rules'][0]) => ({
    ...rule,
    expr: expr.replace(/\[[^\]]*\]/g, '[]'),
  });
  expect(hurried.map(withoutTimes)).toEqual(shipped.map(withoutTimes));
  const paused = hurried.find(({ alert }) => alert === 'TallyQueuePaused');
  expect(paused?.for).toBe('60000ms');
  const grows = hurried.find(({ alert }) => alert === 'TallyBacklogGrows');
  expect(grows?.expr).toContain('[40000ms:2000ms]');
});

test('a duration that can not be read, and a job of Prometheus that is not known, are faults and not left out', () => {
  expect(() => hurriedRules('groups: [{ rules: [{ expr: "a[1w]" }] }]', 2)).toThrow('1w');
  expect(() => hurriedConfig({ jobs: {}, keyFile: '' })).toThrow('tally-api');
});

test('the configuration keeps the jobs, and the key where there is one', () => {
  const jobs = { 'tally-api': ['a:1'], 'tally-worker': ['b:2'] };
  const config = parse(hurriedConfig({ jobs, keyFile: '/key' })) as { rule_files: string[]; scrape_configs: object[] };
  expect(config.scrape_configs).toEqual([
    {
      job_name: 'tally-api',
      authorization: { credentials_file: '/key' },
      static_configs: [{ targets: ['a:1'] }],
    },
    { job_name: 'tally-worker', static_configs: [{ targets: ['b:2'] }] },
  ]);
  const [shipped] = documentsOf<{ rule_files: string[] }>('deploy/prometheus/prometheus.yml');
  expect(config.rule_files).toEqual(shipped?.rule_files);
});

test('every scenario is about an alert that there is, and what the runbook does not say is not done', () => {
  const alerts = rulesOf(shippedRules()).map(({ alert }) => alert);
  expect(SCENARIOS.map(({ alert }) => alert).filter((alert) => !alerts.includes(alert))).toEqual([]);
  expect(SCENARIOS).toHaveLength(10);
  expect(() => {
    follow('TallyNoWorkers', 'restart Redis');
  }).toThrow('docs/runbook.md does not say "restart Redis"');
  follow('TallyNoWorkers', 'start a worker: `tally worker`');
});
