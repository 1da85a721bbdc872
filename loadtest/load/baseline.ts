import { readFileSync } from 'node:fs';
import { ConfigurationError } from '../../src/errors.js';
import type { BaselineResult, LoadResult, Sample, SideResult } from './result.js';

/** What is compared, each from the seconds of a load, so that its noise is known. */
const COMPARED: readonly {
  readonly name: string;
  readonly unit: string;
  readonly of: (sample: Sample) => number | undefined;
}[] = [
  { name: 'p50', unit: 'ms', of: ({ p50Ms }) => p50Ms },
  { name: 'p99', unit: 'ms', of: ({ p99Ms }) => p99Ms },
  { name: 'completed', unit: '/s', of: ({ completed }) => completed },
];

/** So many standard errors apart, two means differ by more than chance makes them, as a rule. */
const BEYOND_NOISE = 3;

/** With fewer seconds nothing is known of the noise. */
const FEWEST_SECONDS = 5;

/** What makes two loads comparable. */
const SAME = [
  'scenario',
  'target',
  'loop',
  'durationMs',
  'mix',
  'keys',
  'skew',
  'idempotentShare',
  'batch',
  'self',
] as const;

/** @throws ConfigurationError when it is not what `--json` writes */
export function readBaseline(path: string): LoadResult {
  try {
    const found = JSON.parse(readFileSync(path, 'utf8')) as Partial<LoadResult>;
    if (Array.isArray(found.tally?.samples) && typeof found.settings === 'object') {
      return found as LoadResult;
    }
  } catch (error) {
    throw new ConfigurationError(`--baseline: can't read ${path} (${(error as Error).message})`, { cause: error });
  }
  throw new ConfigurationError(`--baseline: ${path} is not what tally load --json writes`);
}

/** Compares a load with an earlier one: by how much its seconds differ, and whether that is more than their noise. */
export function compareWith(baseline: LoadResult, result: Omit<LoadResult, 'passed'>): BaselineResult {
  const differs = SAME.filter(
    (name) => JSON.stringify(baseline.settings[name]) !== JSON.stringify(result.settings[name]),
  );
  const machines = [baseline, result].map(({ machine: { node, redis, cores, cpu } }) =>
    JSON.stringify({ node, redis, cores, cpu }),
  );
  return {
    startedAt: baseline.tally.startedAt,
    differentSettings: differs,
    otherMachine: machines[0] !== machines[1],
    figures: COMPARED.map(({ name, unit, of }) => {
      const [before, now] = [statistics(baseline.tally, of), statistics(result.tally, of)];
      const noise = Math.sqrt(before.errorOfMean ** 2 + now.errorOfMean ** 2);
      const enough = Math.min(before.count, now.count) >= FEWEST_SECONDS;
      return {
        name,
        unit,
        before: before.mean,
        now: now.mean,
        noise: BEYOND_NOISE * noise,
        beyondNoise: enough && Math.abs(now.mean - before.mean) > BEYOND_NOISE * noise,
      };
    }),
  };
}

/** Of the whole seconds of submitting, without the warm-up. */
function statistics({ samples, submittingMs, warmUpMs = 0 }: SideResult, of: (sample: Sample) => number | undefined) {
  const values = samples
    .filter(({ atMs }) => atMs > warmUpMs + 1_000 && atMs <= submittingMs)
    .flatMap((sample) => of(sample) ?? []);
  const count = values.length;
  const mean = count === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / count;
  const variance = count < 2 ? 0 : values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  return { count, mean, errorOfMean: count === 0 ? 0 : Math.sqrt(variance / count) };
}
