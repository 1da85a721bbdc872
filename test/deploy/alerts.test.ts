import { expect, test } from 'vitest';
import { alertRules, RULES } from './alert-rules.js';
import { documentsOf, pathOf, textOf } from './files.js';
import { promtool } from './promtool.js';

const RULE_TESTS = 'deploy/prometheus/rules.test.yml';

test('promtool accepts the alert rules and the configuration that loads them', async (context) => {
  expect(await promtool(context, 'check', 'rules', pathOf(RULES))).toContain(`${alertRules().length} rules found`);
  // The API key that it names is made when Tally is set up.
  await promtool(context, 'check', 'config', '--syntax-only', pathOf('deploy/prometheus/prometheus.yml'));
});

test('every alert fires when it should, and none in an ordinary hour', async (context) => {
  await promtool(context, 'test', 'rules', pathOf(RULE_TESTS));
  const fired = JSON.stringify(documentsOf(RULE_TESTS));
  for (const { alert, labels } of alertRules()) {
    expect(fired).toMatch(new RegExp(`alertname=\\\\"${alert}\\\\"[^{}]*severity=\\\\"${labels.severity}\\\\"`));
  }
});

test('every alert leads to an entry of the runbook that says what it means and what to do, and none is left over', () => {
  const [, ...entries] = textOf('docs/runbook.md').split(/^## (?=Tally)/m);
  const byName = new Map(entries.map((entry) => [entry.slice(0, entry.indexOf('\n')), entry]));
  expect([...byName.keys()].sort()).toEqual([...new Set(alertRules().map(({ alert }) => alert))].sort());
  for (const { alert, annotations } of alertRules()) {
    expect(annotations.runbook_url).toBe(`https://tally.example/docs/runbook.md#${alert.toLowerCase()}`);
    expect(byName.get(alert)).toMatch(/\*\*Meaning\.\*\*.*\*\*Look at\.\*\*.*\*\*Do\.\*\*.*\*\*Takes\.\*\*/s);
  }
});

test('the runbook links only to entries that it has', () => {
  const runbook = textOf('docs/runbook.md');
  const anchors = [...runbook.matchAll(/^## (.*)$/gm)].map(
    ([, title = '']) => `#${title.toLowerCase().replaceAll(' ', '-')}`,
  );
  for (const [, anchor] of runbook.matchAll(/\]\((#[^)]*)\)/g)) {
    expect(anchors).toContain(anchor);
  }
});
