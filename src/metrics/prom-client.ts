import { createRequire } from 'node:module';
import type {
  Counter,
  CounterConfiguration,
  Gauge,
  GaugeConfiguration,
  Histogram,
  HistogramConfiguration,
  Registry,
} from 'prom-client';

const require = createRequire(import.meta.url);

/** Loaded with the first metrics of a process: most have none, and it brings the API of OpenTelemetry with it. */
const promClient = () => require('prom-client') as typeof import('prom-client');

export function newRegistry(): Registry {
  return new (promClient().Registry)();
}

export function newCounter<Label extends string>(configuration: CounterConfiguration<Label>): Counter<Label> {
  return new (promClient().Counter)(configuration);
}

export function newGauge<Label extends string>(configuration: GaugeConfiguration<Label>): Gauge<Label> {
  return new (promClient().Gauge)(configuration);
}

export function newHistogram<Label extends string>(configuration: HistogramConfiguration<Label>): Histogram<Label> {
  return new (promClient().Histogram)(configuration);
}

/** Those of the process itself, such as its memory. */
export function collectDefaultMetrics(register: Registry): void {
  promClient().collectDefaultMetrics({ register });
}
