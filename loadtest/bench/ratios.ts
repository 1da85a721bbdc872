import type { Cost } from './cpu.js';
import type { Latency } from './latency.js';
import type { Throughput } from './throughput.js';

/** What one side does as a multiple of what another one does, of the medians of both. */
export interface Ratio {
  readonly name: string;
  readonly value: number;
}

/** The first as a multiple of the second. */
const OF_RATES = [
  ['tally-batched', 'plain-bullmq-batched'],
  ['tally-lists', 'plain-bullmq-batched'],
  ['tally-batched', 'plain-bullmq'],
  ['tally-batched', 'evalsha-pipelined'],
  ['tally-batched', 'evalsha-pipelined-2'],
  ['tally-batched-random', 'plain-bullmq-batched-random'],
  ['tally-batched-random', 'plain-bullmq-random'],
  ['tally-mix', 'plain-bullmq-mix'],
  ['tally-keyed', 'tally-batched'],
  ['tally-hot-key', 'tally-batched'],
  ['tally-single', 'plain-bullmq'],
] as const;

/** Of those sides that ran. */
export function rateRatios(results: ReadonlyMap<string, Throughput>): Ratio[] {
  return OF_RATES.flatMap(([side, base]) => {
    const [rate, other] = [results.get(side)?.perSecond, results.get(base)?.perSecond];
    return rate === undefined || other === undefined ? [] : [{ name: `${side} / ${base}`, value: rate / other }];
  });
}

export function latencyRatios(latencies: readonly Latency[]): Ratio[] {
  return latencies.flatMap(({ name, perSecond, p99Ms }) => {
    const plain = latencies.find((other) => other.name === 'plain-bullmq' && other.perSecond === perSecond);
    return name === 'plain-bullmq' || plain === undefined
      ? []
      : [{ name: `p99 at ${perSecond.toLocaleString('en')}/s, ${name} / plain-bullmq`, value: p99Ms / plain.p99Ms }];
  });
}

/** Of names of sides whose worker does something beside the changes. */
const BESIDE = /^(?<without>.+)-(outcomes|histories)$/;

/** What an update costs all processes, as a multiple of what another side costs; and what is left of a rate with something beside. */
export function cpuRatios(costs: ReadonlyMap<string, Cost>): Ratio[] {
  const pairs = [
    ...['plain-bullmq-batched', 'plain-bullmq'].map((base) => ['tally-batched', base] as const),
    ['tally-lists', 'plain-bullmq-batched'] as const,
    ...[...costs.keys()].map((name) => [BESIDE.exec(name)?.groups?.['without'] ?? '', name] as const),
  ];
  return pairs.flatMap(([side, base]) => {
    const [cost, other] = [costs.get(side)?.total, costs.get(base)?.total];
    return cost === undefined || other === undefined
      ? []
      : [{ name: `processor time an update, ${side} / ${base}`, value: cost / other }];
  });
}
