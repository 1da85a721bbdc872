import { ConfigurationError } from '../../src/errors.js';
import type { LoadResult, SideResult, SloResult } from './result.js';

/** What a service promises, as it was typed: `p99<50ms`. */
export interface Slo {
  readonly text: string;
  readonly figure: SloFigure;
  readonly atMost: boolean;
  readonly limit: number;
}

type SloFigure = keyof typeof FIGURES;

const LATENCY = ({ latency: { outcome } }: SideResult) => outcome;

/** The figures of a side by their names, in ms, per cent, or updates a second. */
const FIGURES = {
  p50: { unit: 'ms', of: (side: SideResult) => LATENCY(side).p50Ms },
  p90: { unit: 'ms', of: (side: SideResult) => LATENCY(side).p90Ms },
  p99: { unit: 'ms', of: (side: SideResult) => LATENCY(side).p99Ms },
  'p99.9': { unit: 'ms', of: (side: SideResult) => LATENCY(side).p999Ms },
  max: { unit: 'ms', of: (side: SideResult) => LATENCY(side).maxMs },
  mean: { unit: 'ms', of: (side: SideResult) => LATENCY(side).meanMs },
  errors: { unit: '%', of: ({ errors, counts }: SideResult) => percentOf(sumOf(errors), counts.submitted) },
  late: { unit: '%', of: ({ late, counts }: SideResult) => percentOf(late?.updates ?? 0, counts.submitted) },
  rate: { unit: '/s', of: ({ perSecond }: SideResult) => perSecond },
} as const;

const TO_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000 };

/**
 * Reads `p99<50ms,errors<0.1%,rate>5000`.
 *
 * @throws ConfigurationError that shows what fits
 */
export function readSlos(text: string): Slo[] {
  return text.split(',').map((part) => {
    const [, figure = '', sign, number, unit = ''] =
      /^([a-z][a-z0-9.]*)([<>])=?(\d+(?:\.\d+)?)(ms|s|%|\/s)?$/.exec(part.trim()) ?? [];
    const wanted = isFigure(figure) ? FIGURES[figure].unit : undefined;
    const factor = wanted === 'ms' ? TO_MS[unit] : unit === '' || unit === wanted ? 1 : undefined;
    if (!isFigure(figure) || factor === undefined) {
      throw new ConfigurationError(
        `--slo must be limits such as p99<50ms,errors<0.1%,rate>5000 of ${Object.keys(FIGURES).join(', ')}, but holds "${part.trim()}"`,
      );
    }
    return { text: part.trim(), figure, atMost: sign === '<', limit: Number(number) * factor };
  });
}

/** How a side has kept them. Where nothing came through there is no latency, and none is kept. */
export function judgeSlos(slos: readonly Slo[], side: SideResult): SloResult[] {
  return slos.map(({ text, figure, atMost, limit }) => {
    const value = FIGURES[figure].of(side);
    const isKnown = FIGURES[figure].unit !== 'ms' || side.latency.outcome.count > 0;
    return { text, value, held: isKnown && (atMost ? value <= limit : value >= limit) };
  });
}

export function areHeld({ slo = [] }: LoadResult): boolean {
  return slo.every(({ held }) => held);
}

export function unitOf({ text }: SloResult): string {
  const [figure = ''] = /^[a-z][a-z0-9.]*/.exec(text) ?? [];
  return isFigure(figure) ? FIGURES[figure].unit : '';
}

function isFigure(name: string): name is SloFigure {
  return Object.hasOwn(FIGURES, name);
}

function sumOf(errors: SideResult['errors']): number {
  return errors.reduce((sum, { count }) => sum + count, 0);
}

function percentOf(part: number, all: number): number {
  return all === 0 ? 0 : (100 * part) / all;
}
