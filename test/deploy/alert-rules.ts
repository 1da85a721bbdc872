import { documentsOf } from './files.js';

export const RULES = 'deploy/prometheus/rules.yml';

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook_url: string };
}

export function alertRules(): AlertRule[] {
  const files = documentsOf<{ groups: { rules: AlertRule[] }[] }>(RULES);
  return files.flatMap(({ groups }) => groups.flatMap(({ rules }) => rules));
}
