import { AOF_CUT } from './aof-cut.js';
import { nemesesOf } from './nemeses/index.js';
import { INVARIANTS } from './oracle/invariants.js';
import type { RunResult } from './run.js';
import type { EpochPlan } from './schedule.js';
import type { Side } from './side.js';

const SHOWN_OF_EACH = 10;

/** When which fault comes. */
export function scheduleText(plans: readonly EpochPlan[]): string {
  const lines = plans.flatMap(({ number, faults, aofCutPart }) => [
    ...faults.map(({ atMs, nemesis }) => `${String(number).padStart(4)}  ${seconds(atMs)}  ${nemesis.name}`),
    ...(aofCutPart === undefined
      ? []
      : [`${String(number).padStart(4)}   at end  append-only file cut to ${(aofCutPart * 100).toFixed(1)} %`]),
  ]);
  return ['epoch      at   fault', ...lines].join('\n');
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(3)} s`.padStart(8);
}

/** How often each nemesis struck, what became of the updates, and what each invariant has to say. */
export function resultText(result: RunResult, side: Side): string {
  const verdict = side.isJudged ? invariantsText(result) : `${side.name} is counted, not judged`;
  return [faultsText(result), updatesText(result), verdict].join('\n\n');
}

/** How many faults really happened. */
export function faultCount({ struck }: Pick<RunResult, 'struck'>): number {
  return [...struck.values()].reduce((total, times) => total + times, 0);
}

function faultsText(result: RunResult): string {
  const known = [...new Set(result.topologies.flatMap((topology) => nemesesOf(topology)))];
  const lines = known.map(({ name }) => `${String(result.struck.get(name) ?? 0).padStart(6)}  ${name}`);
  return [`${faultCount(result)} faults in ${result.epochs} epochs`, ...lines, ...cutLine(result)].join('\n');
}

function cutLine({ struck }: RunResult): string[] {
  const times = struck.get(AOF_CUT);
  return times === undefined ? [] : [`${String(times).padStart(6)}  ${AOF_CUT}`];
}

function updatesText({ counts, longestDrainMs }: RunResult): string {
  if (counts === undefined) {
    return 'no epoch came to its end';
  }
  const outcomes = Object.entries(counts.outcomes).map(([status, count]) => `${count} ${status}`);
  return [
    `${counts.submissions} submissions: ${counts.accepted} accepted, ${counts.refused} refused, ${counts.unknown} unknown, or void since a cut`,
    `outcomes told: ${outcomes.join(', ')}`,
    `lost ${counts.lost}, doubled ${counts.doubled}`,
    `longest drain ${(longestDrainMs / 1_000).toFixed(1)} s`,
  ].join('\n');
}

function invariantsText({ violations }: RunResult): string {
  return Object.entries(INVARIANTS)
    .map(([number, words]) => {
      const messages = violations
        .filter(({ invariant }) => invariant === Number(number))
        .map(({ message }) => `     ${message}`);
      const more = messages.length > SHOWN_OF_EACH ? [`     and ${messages.length - SHOWN_OF_EACH} more`] : [];
      const verdict = messages.length === 0 ? 'holds' : `BROKEN ${messages.length} times`;
      return [`  ${number}  ${words}: ${verdict}`, ...messages.slice(0, SHOWN_OF_EACH), ...more].join('\n');
    })
    .join('\n');
}
