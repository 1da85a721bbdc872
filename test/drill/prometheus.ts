import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Program, runProgram } from './programs.js';
import { hurriedConfig, hurriedRules, shippedRules } from './shipped.js';
import type { Targets } from './shipped.js';

const alertsSchema = z.object({
  data: z.object({
    alerts: z.array(z.object({ state: z.string(), labels: z.looseObject({ alertname: z.string() }) })),
  }),
});

const vectorSchema = z.object({
  data: z.object({
    result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })),
  }),
});

export interface PrometheusOptions extends Targets {
  readonly folder: string;
  readonly port: number;
  /** By how much the rules are hurried. */
  readonly by: number;
}

/** A real Prometheus with the shipped rules, hurried. */
export class Prometheus {
  private constructor(
    private readonly program: Program,
    private readonly origin: string,
  ) {}

  static async start({ folder, port, by, ...targets }: PrometheusOptions): Promise<Prometheus> {
    const rules = join(folder, 'rules.yml');
    writeFileSync(rules, hurriedRules(shippedRules(), by));
    await runProgram(['promtool', 'check', 'rules', rules]);
    const config = join(folder, 'prometheus.yml'); // it finds rules.yml beside itself, as the shipped one does
    writeFileSync(config, hurriedConfig(targets));
    const program = await Program.start({
      name: 'prometheus',
      command: [
        ...['prometheus', `--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'prometheus')}`],
        ...[`--web.listen-address=127.0.0.1:${port}`, '--query.lookback-delta=10s', '--log.level=info'],
      ],
      ready: /Server is ready to receive web requests/,
      log: join(folder, 'prometheus.log'),
    });
    return new Prometheus(program, `http://127.0.0.1:${port}`);
  }

  /** The names of the alerts that fire. */
  async firing(): Promise<string[]> {
    const { data } = alertsSchema.parse(await this.#get('/api/v1/alerts'));
    const names = data.alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname);
    return [...new Set(names)].sort();
  }

  /** The alerts that fired at any time within the last seconds. */
  async firedWithin(seconds: number): Promise<string[]> {
    const query = `count by (alertname) (max_over_time(ALERTS{alertstate="firing"}[${Math.ceil(seconds)}s]))`;
    return (await this.#ask(query)).flatMap(({ metric }) => metric['alertname'] ?? []).sort();
  }

  /** How many targets it scrapes, of those that it knows. */
  async scraped(): Promise<{ up: number; of: number }> {
    const all = (await this.#ask('up')).map(({ value: [, value] }) => Number(value));
    return { up: all.filter((value) => value === 1).length, of: all.length };
  }

  /** How long the oldest update has waited, by the gauges. */
  async oldestSeconds(): Promise<number> {
    const ages = await this.#ask('max(tally_oldest_waiting_job_age_seconds)');
    return Math.max(0, ...ages.map(({ value: [, value] }) => Number(value)));
  }

  stop(): Promise<void> {
    return this.program.stop();
  }

  async #ask(query: string) {
    return vectorSchema.parse(await this.#get(`/api/v1/query?${new URLSearchParams({ query }).toString()}`)).data
      .result;
  }

  async #get(path: string): Promise<unknown> {
    return (await fetch(this.origin + path)).json();
  }
}
