import { randomInt } from 'node:crypto';
import { ConfigurationError } from '../../src/errors.js';
import type { LoadFlags } from './flags.js';
import { MAX_SEED } from './random.js';
import { readOwnOperation } from './own-operation.js';
import type { NemesisName } from './result.js';
import { DEFAULTS, SCENARIOS } from './scenarios.js';
import type { Scenario, Workload } from './scenarios.js';
import { NEMESES } from './self/nemesis.js';
import { decimal, durationMs, mix, oneOf, origin, share, wholeNumber } from './typed-values.js';

/** What a load is to do, checked and complete. */
export interface Plan {
  readonly scenario: Scenario | undefined;
  readonly target: 'queue' | 'http';
  /** Where the API is; undefined when the configuration or the load's own set-up says it. */
  readonly url: string | undefined;
  readonly allowRemote: boolean;
  readonly self: boolean;
  readonly work: Workload;
  /** Undefined without a search. */
  readonly search: { readonly p99LimitMs: number; readonly firstPerSecond: number } | undefined;
  readonly drainMs: number;
  readonly seed: number;
  readonly nemeses: readonly NemesisName[];
  readonly compare: boolean;
  readonly json: string | undefined;
  readonly report: string | undefined;
}

/** The counts beside an operation of the user's own. */
const ONLY_COUNTED = { counter: 1, inventory: 0, xp: 0, scores: 0 };

const DAY_MS = 24 * 3_600_000;
const MAX_RATE = 1_000_000;
const SEARCH: Partial<Workload> = { durationMs: 5_000, updates: 10_000_000 };

/**
 * Makes a plan of what was typed.
 *
 * @throws ConfigurationError naming the flag and what to write instead
 */
export function readPlan(name: string | undefined, flags: LoadFlags): Plan {
  const scenario = name === undefined ? undefined : findScenario(name);
  const target = oneOf('--target', flags.target ?? 'queue', ['queue', 'http']);
  requireTogether(flags, scenario, target);
  const own = readOwnOperation(flags);
  const typed = { ...typedWorkload(flags), ...(own && { own, mix: ONLY_COUNTED }) };
  const work = { ...DEFAULTS, ...(flags.search && SEARCH), ...scenario?.usual, ...typed, ...scenario?.fixed };
  requireNotFixed(typed, scenario);
  return {
    scenario,
    target,
    url: flags.url === undefined ? undefined : origin('--url', flags.url),
    allowRemote: flags.allowRemote ?? false,
    self: flags.self ?? false,
    work,
    search: flags.search && {
      p99LimitMs: durationMs('--p99', flags.p99 ?? '50ms', 1, 60_000),
      firstPerSecond: typed.rate ?? 1_000,
    },
    drainMs: durationMs('--drain', flags.drain ?? '60s', 100, DAY_MS),
    seed: flags.seed === undefined ? randomInt(1, MAX_SEED) : wholeNumber('--seed', flags.seed, 1, MAX_SEED),
    nemeses: (flags.nemesis?.split(',') ?? []).map((it) => oneOf('--nemesis', it.trim(), NEMESES)),
    compare: isCompared(flags.compare),
    json: flags.json,
    report: flags.report,
  };
}

function isCompared(side: string | undefined): boolean {
  if (side === undefined) {
    return false;
  }
  oneOf('--compare', side, ['plain-bullmq']);
  return true;
}

function findScenario(name: string): Scenario | undefined {
  const names = SCENARIOS.map((scenario) => scenario.name);
  const known = oneOf('scenario', name, names);
  return SCENARIOS.find((scenario) => scenario.name === known);
}

function requireTogether(flags: LoadFlags, scenario: Scenario | undefined, target: Plan['target']): void {
  const { rate, concurrency, search, p99, self, nemesis, url, allowRemote, operation } = flags;
  const faults: [boolean | undefined, string][] = [
    [
      rate !== undefined && concurrency !== undefined,
      '--rate is an open loop, --concurrency a closed one: give one of them',
    ],
    [search && concurrency !== undefined, '--search looks for a rate: leave out --concurrency'],
    [search && flags.ramp, '--search measures at steady rates: leave out --ramp'],
    [search && scenario?.fixed.waitsForOutcome === false, `${scenario?.name ?? ''} has no rate to search for`],
    [
      flags.compare !== undefined && target === 'http',
      '--compare sets one queue beside the other: leave out --target http',
    ],
    [
      flags.compare !== undefined && scenario?.fixed.checkout !== undefined,
      'a plain queue has no reservations to compare with: leave out --compare',
    ],
    [operation !== undefined && scenario !== undefined, 'a scenario has operations of its own: leave out --operation'],
    [operation !== undefined && flags.mix !== undefined, '--operation is all of the load: leave out --mix'],
    [
      operation !== undefined && flags.compare !== undefined,
      'a plain queue has no such operation to compare with: leave out --compare',
    ],
    [p99 !== undefined && !search, '--p99 is the limit of --search: add --search'],
    [nemesis !== undefined && !self, '--nemesis strikes only what the load started itself: add --self'],
    [url !== undefined && self, '--self starts an API of its own: leave out --url'],
    [url !== undefined && target === 'queue', '--url is where an API is: add --target http'],
    [allowRemote && self, '--self stays on this machine: leave out --allow-remote'],
    [
      scenario?.target === 'queue' && target === 'http',
      `${scenario?.name ?? ''} needs jobs of one update, and the API makes batches: use --target queue`,
    ],
  ];
  const message = faults.find(([isWrong]) => isWrong)?.[1];
  if (message !== undefined) {
    throw new ConfigurationError(message);
  }
}

/** The flags by which a scenario would become another one. */
const FLAG_OF = { mix: '--mix', keys: '--keys', skew: '--skew', idempotentShare: '--idempotent', updates: '--updates' };

function requireNotFixed(typed: Partial<Workload>, scenario: Scenario | undefined): void {
  for (const [name, flag] of Object.entries(FLAG_OF)) {
    if (name in typed && scenario !== undefined && name in scenario.fixed) {
      throw new ConfigurationError(`${flag} is what makes the scenario ${scenario.name}: leave it out`);
    }
  }
}

/** What the flags say of the load itself; what they don't say is left out. */
function typedWorkload(flags: LoadFlags): Partial<Workload> {
  const { rate, concurrency, duration, updates, keys, skew, idempotent, batch } = flags;
  return {
    ...(rate !== undefined && { rate: wholeNumber('--rate', rate, 1, MAX_RATE), callers: undefined }),
    ...(concurrency !== undefined && {
      rate: undefined,
      callers: wholeNumber('--concurrency', concurrency, 1, 10_000),
    }),
    ...(flags.ramp && { ramp: true }),
    ...(duration !== undefined && { durationMs: durationMs('--duration', duration, 100, DAY_MS) }),
    ...(updates !== undefined && { updates: wholeNumber('--updates', updates, 1, 100_000_000) }),
    ...(flags.mix !== undefined && { mix: mix('--mix', flags.mix) }),
    ...(keys !== undefined && { keys: wholeNumber('--keys', keys, 1, 100_000) }),
    ...(skew !== undefined && { skew: decimal('--skew', skew, 0, 5) }),
    ...(idempotent !== undefined && { idempotentShare: share('--idempotent', idempotent) }),
    ...(batch !== undefined && { batch: wholeNumber('--batch', batch, 1, 1_000) }),
  };
}
