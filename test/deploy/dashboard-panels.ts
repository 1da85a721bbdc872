import { textOf } from './files.js';

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
  readonly links?: readonly { readonly url: string }[];
}

interface GrafanaDashboard {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly definition?: string }[];
  };
  readonly links: readonly { readonly url: string }[];
}

/** The dashboard for Grafana. */
export function grafanaDashboard(): GrafanaDashboard {
  return JSON.parse(textOf('deploy/grafana/tally.json')) as GrafanaDashboard;
}

/** All that it asks Prometheus, with Grafana's own variables put in. */
export function grafanaExpressions(): string[] {
  const { panels, templating } = grafanaDashboard();
  const variables = templating.list.flatMap(({ definition }) => definition ?? []);
  return [
    ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    ...variables.map((definition) => definition.replace(/^label_values\((\w+), (\w+)\)$/, 'count by ($2) ($1)')),
  ].map((expression) => expression.replaceAll('$__rate_interval', '5m'));
}
