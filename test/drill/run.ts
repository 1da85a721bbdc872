import { setTimeout as wait } from 'node:timers/promises';
import type { Scenario } from './scenarios/scenario.js';
import type { SetUp } from './set-up.js';
import { judgeTold, judgeTotals } from './totals.js';
import type { Totals } from './totals.js';
import { until } from './until.js';

/** By then the alert has fired, and the overview says it: what the drill is for. */
const TOLD_WITHIN_MS = 120_000;

/** By then all alerts have ended. */
const ENDED_WITHIN_MS = 240_000;

const NOTHING_WAITS_SECONDS = 5;

/** How it went. */
export interface Row {
  readonly scenario: string;
  readonly alert: string;
  /** After so many seconds it fired. */
  readonly firedAfter: number;
  readonly said: string;
  readonly saidAfter: number;
  readonly mended: string;
  /** After so many seconds it had ended, and all others, and nothing waited any more. */
  readonly endedAfter: number;
  readonly others: readonly string[];
}

type Say = (line: string) => void;

/** A while without any fault. @throws when an alert fired, or the overview does not say that Tally is healthy */
export async function runHealthy(setUp: SetUp, seconds: number, say: Say): Promise<void> {
  await until('all is scraped, and healthy', TOLD_WITHIN_MS, async () => {
    const { up, of } = await setUp.prometheus.scraped();
    return (
      of > 0 &&
      up === of &&
      (await setUp.prometheus.firing()).length === 0 &&
      (await setUp.dashboard.verdict()).startsWith('Healthy')
    );
  });
  say(`healthy for ${seconds} s`);
  const startedAtMs = performance.now();
  while (performance.now() - startedAtMs < seconds * 1_000) {
    await wait(1_000);
    const verdict = await setUp.dashboard.verdict();
    if (!verdict.startsWith('Healthy')) {
      throw new Error(`nothing is broken, and the overview says: ${verdict}`);
    }
  }
  const fired = await setUp.prometheus.firedWithin(seconds);
  if (fired.length > 0) {
    throw new Error(`nothing was broken, and these alerts fired: ${fired.join(', ')}`);
  }
}

/** Breaks one thing, sees that it is told, does what the runbook says, and sees that it has ended. */
export async function runScenario(
  setUp: SetUp,
  { name, alert, says, strike, check, mend }: Scenario,
  say: Say,
  whileBroken: () => Promise<void> = () => Promise.resolve(),
): Promise<Row> {
  const { prometheus, dashboard } = setUp;
  const others = new Set<string>();
  let verdict = '';
  await strike(setUp);
  say(`${name}: broken`);
  const firing = async () => {
    const names = await prometheus.firing();
    names.filter((each) => each !== alert).forEach((each) => others.add(each));
    return names;
  };
  const [fired, said] = await Promise.all([
    until(
      `${alert} fires`,
      TOLD_WITHIN_MS,
      async () => (await firing()).includes(alert),
      () => `These do: ${[...others].join(', ')}`,
    ),
    until(
      `the overview says ${String(says)}`,
      TOLD_WITHIN_MS,
      async () => {
        verdict = await dashboard.verdict();
        return says.exec(verdict)?.[0];
      },
      () => `It says: ${verdict}`,
    ),
  ]);
  say(`${name}: ${alert} fires after ${fired.seconds} s; the overview says after ${said.seconds} s: ${said.found}`);
  await check?.(setUp);
  await whileBroken();
  const mended = await mend(setUp);
  say(`${name}: mended by ${mended}`);
  const ended = await until(
    'no alert fires any more, nothing waits, and the overview says that all is well',
    ENDED_WITHIN_MS,
    async () => {
      verdict = await dashboard.verdict();
      const isDone = (await firing()).length === 0 && (await prometheus.oldestSeconds()) < NOTHING_WAITS_SECONDS;
      return isDone && verdict.startsWith('Healthy');
    },
    () => `The overview says: ${verdict}; fired so far: ${[alert, ...others].join(', ')}`,
  );
  say(`${name}: ended after ${ended.seconds} s`);
  const dead = setUp.ended();
  if (dead.length > 0) {
    throw new Error(`ended by themselves: ${dead.join(', ')}`);
  }
  const row = { scenario: name, alert, firedAfter: fired.seconds, said: said.found, saidAfter: said.seconds, mended };
  return { ...row, endedAfter: ended.seconds, others: [...others].sort() };
}

/** At the end: each key holds what was accepted for it, and subscribers were told of all. */
export async function judgeEnd(setUp: SetUp): Promise<Totals> {
  await setUp.callers.stop();
  const totals = await judgeTotals(setUp);
  await judgeTold(setUp);
  return totals;
}
