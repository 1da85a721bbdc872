import { unitOf } from './slo.js';
import { describeTopology } from './topology.js';
import type { Latency, LoadResult, SideResult, Verdict } from './result.js';

/** Differing cells that the terminal shows; the files hold more. */
const MAX_SHOWN = 10;

/** What a load found, for a terminal: the verdict first. */
export function summaryOf(result: LoadResult): string {
  const { tally, compared, interrupted, settings } = result;
  const lines = [
    `${result.passed ? 'RIGHT' : 'WRONG'}  ${verdictLine(tally.verdict)}`,
    ...detailsOf(tally.verdict),
    ...sideLines(tally),
    ...(compared === undefined
      ? []
      : [
          '',
          `${compared.name}: ${verdictLine(compared.verdict)}`,
          ...detailsOf(compared.verdict),
          ...sideLines(compared),
        ]),
    ...sloLines(result),
    ...baselineLines(result),
    '',
    `target       ${settings.targetUrl}; Redis is ${describeTopology(settings.topology)}`,
    `seed ${settings.seed}${interrupted ? '; ended early' : ''}`,
  ];
  return lines.join('\n');
}

function sloLines({ slo = [] }: LoadResult): string[] {
  return slo.map(
    (one) =>
      `slo          ${one.text}: ${one.held ? 'kept' : 'NOT KEPT'}, ${one.value.toFixed(2)}${spaced(unitOf(one))}`,
  );
}

function baselineLines({ baseline }: LoadResult): string[] {
  if (baseline === undefined) {
    return [];
  }
  const { startedAt, differentSettings, otherMachine, figures } = baseline;
  return [
    ...(differentSettings.length > 0
      ? [`baseline     other settings: ${differentSettings.join(', ')}; differences mean little`]
      : []),
    ...(otherMachine ? ['baseline     another machine, Node or Redis: differences mean little'] : []),
    ...figures.map(({ name, unit, before, now, noise, beyondNoise }) => {
      const verdict = beyondNoise ? (now > before ? 'more' : 'less') : 'no difference beyond noise';
      return `baseline     ${name} ${before.toFixed(1)} -> ${now.toFixed(1)}${spaced(unit)}: ${verdict} (noise ${noise.toFixed(1)}), since ${startedAt}`;
    }),
  ];
}

function spaced(unit: string): string {
  return unit === 'ms' ? ' ms' : unit;
}

function verdictLine({ exact, cells, differing, lost, doubled, negativeStocks, uncertain }: Verdict): string {
  const open = uncertain === 0 ? '' : `; ${count(uncertain)} updates count as zero or one, as their answers were lost`;
  return exact
    ? `all totals are exact: ${count(cells)} cells hold what was acknowledged${open}`
    : `${count(differing)} of ${count(cells)} cells differ: lost ${count(lost)}, doubled ${count(doubled)}, ` +
        `negative stocks ${count(negativeStocks)}${open}`;
}

function detailsOf({ differences, complaints }: Verdict): string[] {
  return [
    ...complaints.map((complaint) => `       ${complaint}`),
    ...differences.slice(0, MAX_SHOWN).map(({ cell, kind, expectedLow: low, expectedHigh: high, found }) => {
      const expected = low === high ? String(low) : `${low} to ${high}`;
      return `       ${cell}: ${found ?? 'missing'} instead of ${expected}, ${kind}`;
    }),
  ];
}

function sideLines(side: SideResult): string[] {
  const { counts, submittingMs, drainMs, perSecond, latency, outcomes, errors, nemeses, search, late } = side;
  const { acknowledgement, outcome } = latency;
  return [
    `load         ${count(counts.submitted)} updates submitted in ${seconds(submittingMs)}, the last outcome ${seconds(drainMs)} later; ${count(perSecond)}/s`,
    ...(late === undefined || late.updates === 0
      ? []
      : [
          `late         ${count(late.updates)} updates left more than ${late.afterMs} ms after they were due: this machine, or the target, did not keep up`,
        ]),
    ...(acknowledgement === undefined ? [] : [`acknowledged ${latencyWords(acknowledgement)}`]),
    `outcome      ${latencyWords(outcome)}`,
    ...outcomes.map(({ operation, status, reason, count: number, duplicates }) => {
      const repeats = duplicates === 0 ? '' : `, ${count(duplicates)} of them repeats`;
      return `             ${operation} ${status}${reason === undefined ? '' : ` ${reason}`}: ${count(number)}${repeats}`;
    }),
    ...errors.slice(0, MAX_SHOWN).map(({ message, count: number }) => `error        ${count(number)} x ${message}`),
    ...nemeses.map(({ startMs, what }) => `nemesis      at ${seconds(startMs)}: ${what}`),
    ...(search?.steps ?? []).map(
      (step) =>
        `search       ${count(step.perSecond)}/s: p99 ${step.p99Ms.toFixed(1)} ms, ${step.held ? 'held' : 'not held'}`,
    ),
    ...(search === undefined
      ? []
      : [`highest rate ${count(search.highestPerSecond)}/s with a p99 of ${search.p99LimitMs} ms or less`]),
  ];
}

function latencyWords({ p50Ms, p90Ms, p99Ms, p999Ms, maxMs }: Latency): string {
  const [p50, p90, p99, p999, max] = [p50Ms, p90Ms, p99Ms, p999Ms, maxMs].map((ms) => ms.toFixed(1));
  return `p50 ${p50} ms, p90 ${p90}, p99 ${p99}, p99.9 ${p999}, max ${max}`;
}

function count(value: number): string {
  return value.toLocaleString('en');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
