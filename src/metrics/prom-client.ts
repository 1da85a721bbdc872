import { createRequire } from 'node:module';
import type * as Prom from 'prom-client';

const require = createRequire(import.meta.url);

/** Loaded with the first metrics of a process: most have none, and it brings the API of OpenTelemetry with it. */
const promClient = () => require('prom-client') as typeof Prom;

export function newRegistry(): Prom.Registry {
  return new (promClient().Registry)();
}

export function newCounter<Label extends string>(configuration: Prom.CounterConfiguration<Label>): Prom.Counter<Label> {
  return new (promClient().Counter)(configuration);
}

export function newGauge<Label extends string>(configuration: Prom.GaugeConfiguration<Label>): Prom.Gauge<Label> {
  return new (promClient().Gauge)(configuration);
}

export function newHistogram<Label extends string>(
  configuration: Prom.HistogramConfiguration<Label>,
): Prom.Histogram<Label> {
  return new (promClient().Histogram)(configuration);
}

/** Those of the process itself, such as its memory. */
export function collectDefaultMetrics(register: Prom.Registry): void {
  promClient().collectDefaultMetrics({ register });
}
