import { expect, test } from 'vitest';
import { alertRules } from './alert-rules.js';
import { grafanaDashboard } from './dashboard-panels.js';
import type { Panel } from './dashboard-panels.js';

const COLUMNS = 24;

/** The cells of Grafana's grid that a panel takes. */
function cellsOf({ gridPos: { x, y, w, h } }: Panel): string[] {
  return Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`);
}

test('the panels lie side by side within the grid, each with an id of its own', () => {
  const { panels } = grafanaDashboard();
  const cells = panels.flatMap(cellsOf);
  expect(new Set(cells).size).toBe(cells.length);
  expect(panels.every(({ gridPos: { x, w } }) => x + w <= COLUMNS)).toBe(true);
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
});

test('there is a row for each side of Tally, and the data source is a choice', () => {
  const { panels, templating } = grafanaDashboard();
  const rows = panels.filter(({ type }) => type === 'row').map(({ title }) => title);
  expect(rows).toEqual(['Now', 'Throughput', 'HTTP', 'Backlog', 'Outcomes', 'Latency', 'Workers', 'Redis']);
  expect(templating.list[0]).toMatchObject({ name: 'datasource', type: 'datasource' });
  const uids = [...JSON.stringify(grafanaDashboard()).matchAll(/"uid":"([^"]*)"/g)].map(([, uid]) => uid);
  expect(new Set(uids)).toEqual(new Set(['${datasource}', 'tally']));
});

test('every alert can be reached from a panel, and every link leads to an alert', () => {
  const { panels } = grafanaDashboard();
  const links = panels.flatMap(({ links: ofPanel = [] }) => ofPanel.map(({ url }) => url));
  expect(new Set(links)).toEqual(new Set(alertRules().map(({ annotations }) => annotations.runbook_url)));
});
