import type { LoadResult, LoadSettings } from '../result.js';

/** The command that makes the same load again: same seed, same choices of keys and amounts. */
export function commandOf({ settings, compared }: LoadResult): string {
  const mix = Object.entries(settings.mix).filter(([, share]) => share > 0);
  const words = [
    'npx tally load',
    ...(settings.scenario === undefined ? [] : [settings.scenario]),
    ...(settings.self ? ['--self'] : []),
    `--target ${settings.target}`,
    loopFlags(settings),
    `--duration ${durationText(settings.durationMs)}`,
    `--mix ${mix.map(([family, share]) => `${family}=${rounded(share * 100)}`).join(',')}`,
    `--keys ${settings.keys}`,
    `--skew ${settings.skew}`,
    `--idempotent ${rounded(settings.idempotentShare * 100)}%`,
    `--batch ${settings.batch}`,
    ...(settings.nemeses.length === 0 ? [] : [`--nemesis ${settings.nemeses.join(',')}`]),
    ...(compared === undefined ? [] : [`--compare ${compared.name}`]),
    `--seed ${settings.seed}`,
  ];
  return words.join(' ');
}

function loopFlags({ loop }: LoadSettings): string {
  switch (loop.kind) {
    case 'open':
      return `--rate ${loop.perSecond}${loop.ramp ? ' --ramp' : ''}`;
    case 'closed':
      return `--concurrency ${loop.callers}${loop.ramp ? ' --ramp' : ''}`;
    case 'search':
      return `--search ${loop.p99LimitMs}`;
  }
}

function durationText(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

function rounded(number: number): number {
  return Math.round(number * 100) / 100;
}
