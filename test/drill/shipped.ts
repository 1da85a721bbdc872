import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';

/** What is shipped, as the drill uses it: never a copy, always a change of the file itself. */

const ROOT = new URL('../../', import.meta.url);

interface Rules {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
}

interface Rule {
  readonly expr: string;
  readonly for?: string;
}

interface Config {
  readonly global: object;
  readonly scrape_configs: readonly { readonly job_name: string; readonly authorization?: object }[];
}

function textOf(file: string): string {
  return readFileSync(fileURLToPath(new URL(file, ROOT)), 'utf8');
}

/**
 * The alert rules with every `for` and every window divided; thresholds stay.
 *
 * @param text of deploy/prometheus/rules.yml
 * @param by at least 1
 */
export function hurriedRules(text: string, by: number): string {
  const rules = parse(text) as Rules;
  const hurried = {
    groups: rules.groups.map((group) => ({
      ...group,
      rules: group.rules.map((rule) => ({
        ...rule,
        expr: rule.expr.replace(/\[([^\]]*)\]/g, (_, window: string) => `[${dividedAll(window, by)}]`),
        ...(rule.for !== undefined && { for: divided(rule.for, by) }),
      })),
    })),
  };
  return stringify(hurried, { lineWidth: 0 });
}

/** A window, or that of a subquery with its step: `20m:1m`. */
function dividedAll(window: string, by: number): string {
  return window
    .split(':')
    .map((duration) => divided(duration, by))
    .join(':');
}

const MS = { s: 1_000, m: 60_000, h: 3_600_000 } as const;

function divided(duration: string, by: number): string {
  const [, count, unit] = /^(\d+)([smh])$/.exec(duration) ?? [];
  if (count === undefined) {
    throw new Error(`the rules have a duration that the drill can not read: ${duration}`);
  }
  return `${Math.max(1_000, Math.round((Number(count) * MS[unit as keyof typeof MS]) / by))}ms`;
}

/** Where Prometheus finds the processes of each job of the shipped configuration, and its API key. */
export interface Targets {
  readonly jobs: Readonly<Record<string, readonly string[]>>;
  readonly keyFile: string;
}

/**
 * The shipped configuration, with addresses of this machine in the place of names, and often enough for hurried rules.
 *
 * @throws for a job that is not among the targets: one that was added to the file would be left out
 */
export function hurriedConfig({ jobs, keyFile }: Targets): string {
  const config = parse(textOf('deploy/prometheus/prometheus.yml')) as Config;
  return stringify({
    ...config,
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    scrape_configs: config.scrape_configs.map(({ job_name: job, authorization }) => {
      const targets = jobs[job];
      if (targets === undefined) {
        throw new Error(`the configuration of Prometheus has a job that the drill does not know: ${job}`);
      }
      const key = authorization && { authorization: { credentials_file: keyFile } };
      return { job_name: job, ...key, static_configs: [{ targets }] };
    }),
  });
}

export function shippedRules(): string {
  return textOf('deploy/prometheus/rules.yml');
}

/**
 * Makes sure that what the drill is about to do is what the runbook says.
 *
 * @throws when the alert's entry does not hold these words
 */
export function follow(alert: string, words: string): void {
  const entry = textOf('docs/runbook.md')
    .split(/^## /m)
    .find((part) => part.startsWith(`${alert}\n`));
  if (entry?.replace(/\s+/g, ' ').includes(words) !== true) {
    throw new Error(`docs/runbook.md does not say "${words}" under ${alert}`);
  }
}
