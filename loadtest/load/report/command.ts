import { isElsewhere } from '../remote.js';
import type { LoadResult, LoadSettings, LoopSettings } from '../result.js';
import { SCENARIOS } from '../scenarios.js';
import type { Workload } from '../scenarios.js';

/** The command that puts the same load on Tally again: the same seed, so the same updates in the same order. */
export function commandOf({ settings, compared }: LoadResult): string {
  const { scenario, nemeses } = settings;
  return [
    'npx tally load',
    ...(scenario === undefined ? [] : [scenario]),
    ...placeFlags(settings),
    ...loopFlags(settings.loop),
    `--duration ${durationText(settings.durationMs)}`,
    ...workFlags(settings),
    ...(nemeses.length === 0 ? [] : [`--nemesis ${nemeses.join(',')}`]),
    ...(compared === undefined ? [] : [`--compare ${compared.name}`]),
    `--seed ${settings.seed}`,
  ].join(' ');
}

function placeFlags({ target, targetUrl, self }: LoadSettings): string[] {
  if (self) {
    return ['--self', `--target ${target}`];
  }
  return [
    `--target ${target}`,
    ...(target === 'http' ? [`--url ${targetUrl}`] : []),
    ...(isElsewhere(targetUrl) ? ['--allow-remote'] : []),
  ];
}

function loopFlags(loop: LoopSettings): string[] {
  switch (loop.kind) {
    case 'open':
      return [`--rate ${loop.perSecond}`, ...(loop.ramp ? ['--ramp'] : [])];
    case 'closed':
      return [`--concurrency ${loop.callers}`, ...(loop.ramp ? ['--ramp'] : [])];
    case 'search':
      return ['--search', `--p99 ${loop.p99LimitMs}ms`];
  }
}

/** What a scenario is made of can't be said by flags, and need not be. */
function workFlags({ scenario, mix, keys, skew, idempotentShare, batch, updateLimit }: LoadSettings): string[] {
  const fixed = SCENARIOS.find(({ name }) => name === scenario)?.fixed ?? {};
  const shares = Object.entries(mix).filter(([, share]) => share > 0);
  const flags: [keyof Workload, string][] = [
    ['mix', `--mix ${shares.map(([family, share]) => `${family}=${inHundredths(share)}`).join(',')}`],
    ['keys', `--keys ${keys}`],
    ['skew', `--skew ${skew}`],
    ['idempotentShare', `--idempotent ${inHundredths(idempotentShare)}%`],
    ['batch', `--batch ${batch}`],
    ['updates', `--updates ${updateLimit}`],
  ];
  return flags.flatMap(([name, flag]) => (name in fixed ? [] : [flag]));
}

function durationText(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

/** Without the last digits of 0.07 * 100. */
function inHundredths(share: number): number {
  return Number((share * 100).toPrecision(12));
}
