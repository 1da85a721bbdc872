import { setTimeout as pause } from 'node:timers/promises';
import type { RedisClient } from '../../src/redis/connection.js';
import type { Cells } from './cells.js';
import { Driver } from './driver.js';
import type { Ledger } from './ledger.js';
import type { LiveView } from './live-view.js';
import type { Keys } from '../../src/redis/keys.js';
import { untilNothingHeld } from './checkout.js';
import { closedLoop, openLoop } from './loops.js';
import { LATE_MS, Meter } from './meter.js';
import type { Plan } from './plan.js';
import { createRandom } from './random.js';
import type { NemesisStrike, SearchResult, SearchStep, SideResult } from './result.js';
import { searchRate } from './search.js';
import { strike } from './self/nemesis.js';
import type { OwnProcess } from './self/own-process.js';
import { stockUp } from './stock.js';
import type { Stopping } from './stopping.js';
import type { Target } from './target.js';
import { Traffic } from './traffic.js';
import { judge } from './verdict.js';

export interface SideDeps {
  readonly name: SideResult['name'];
  readonly plan: Plan;
  readonly runId: string;
  readonly target: Target;
  readonly cells: Cells;
  readonly ledger: Ledger;
  /** A connection of the load's own, to compare the totals and to strike. */
  readonly redis: RedisClient;
  readonly keys: Pick<Keys, 'hold'>;
  /** Those that nemeses may strike. */
  readonly workers: readonly OwnProcess[];
  readonly view: LiveView;
  readonly stopping: Stopping;
}

const LOOK_MS = 10;

/** A rate holds when so much of it is completed; the rest is what the steps' ends cut off. */
const HELD_SHARE = 0.9;

/** Puts the load on one side: stocks up, submits, waits for all outcomes, and judges the totals. */
export async function runSide(deps: SideDeps): Promise<SideResult> {
  const { name, plan, runId, target, cells, ledger, redis, view, stopping } = deps;
  const { work, seed } = plan;
  const traffic = new Traffic({ ...work, updateLimit: work.updates, seed, runId }, cells);
  view.begin(name);
  await stockUp(target, ledger, traffic.stocking());
  const stocked = ledger.unitsStocked;
  const startedAt = new Date();
  const meter = new Meter((sample) => {
    view.sample(sample, meter);
  }, plan.warmUpMs);
  const answersFirst = plan.target === 'queue';
  const driver = new Driver({ target, traffic, ledger, meter, batch: work.batch, answersFirst });
  const { submittedAtMs, search, nemeses } = await submit(deps, { driver, meter });
  traffic.end();
  view.drain();
  const endsAt = performance.now() + plan.drainMs;
  while (!driver.isOver && performance.now() < endsAt && !stopping.draining.aborted) {
    await (driver.sendNext(performance.now())?.answered ?? pause(LOOK_MS)); // what is to be sent twice, or follows
  }
  const submittingMs = submittedAtMs - meter.startedAtMs;
  await drain(driver, plan.drainMs, stopping.draining);
  driver.giveUp();
  meter.close();
  ledger.closeAll();
  const complaints = [...complaintsOf(deps, meter, stocked), ...(await complaintsOfHolds(deps))];
  const verdict = await judge(redis, cells, ledger, complaints);
  const tookMs = meter.lastOutcomeAtMs - meter.startedAtMs;
  const counts = meter.counts;
  return {
    name,
    startedAt: startedAt.toISOString(),
    endedAt: new Date().toISOString(),
    submittingMs: Math.round(submittingMs),
    drainMs: Math.max(0, Math.round(tookMs - submittingMs)),
    counts,
    ...(plan.warmUpMs > 0 && { warmUpMs: plan.warmUpMs }),
    ...(work.rate !== undefined && { late: { afterMs: LATE_MS, updates: meter.late } }),
    perSecond: tookMs > 0 ? Math.round((counts.completed / tookMs) * 1000) : 0,
    samples: meter.samples,
    latency: {
      ...(answersFirst && { acknowledgement: meter.acknowledgement.summary() }),
      outcome: meter.outcome.summary(),
    },
    batchSizes: meter.batchSizes.histogram(),
    outcomes: meter.outcomes(),
    errors: meter.errorCounts(),
    nemeses,
    verdict,
    ...(search && { search }),
  };
}

interface Running {
  readonly driver: Driver;
  readonly meter: Meter;
}

interface Submitted {
  /** When the last was submitted, but for repeats. */
  readonly submittedAtMs: number;
  readonly search?: SearchResult;
  readonly nemeses: NemesisStrike[];
}

async function submit(deps: SideDeps, running: Running): Promise<Submitted> {
  const { plan, redis, workers, stopping } = deps;
  const over = new AbortController();
  const striking = strike(
    plan.nemeses,
    plan.work.durationMs,
    {
      redis,
      workers,
      random: createRandom(plan.seed),
      nowMs: () => performance.now() - running.meter.startedAtMs,
    },
    AbortSignal.any([over.signal, stopping.submitting]),
  );
  try {
    if (plan.search !== undefined) {
      const search = await searchRate(plan.search, (perSecond) => measureStep(deps, running, perSecond));
      const submittedAtMs = performance.now();
      over.abort();
      return { submittedAtMs, search, nemeses: await striking };
    }
    await loop(deps, running, plan.work.rate);
    const submittedAtMs = performance.now();
    over.abort();
    return { submittedAtMs, nemeses: await striking };
  } finally {
    over.abort();
  }
}

/** @returns how many updates were due and could not be sent */
async function loop({ plan, stopping }: SideDeps, { driver, meter }: Running, rate?: number): Promise<number> {
  const { durationMs, ramp, batch, callers = 1, waitsForOutcome, backlogLimit } = plan.work;
  const options = { durationMs, ramp, signal: stopping.submitting };
  if (rate === undefined) {
    await closedLoop(driver, { ...options, callers, waitsForOutcome, backlogLimit });
    return 0;
  }
  const unsent = (await openLoop(driver, { ...options, perSecond: rate / batch })) * batch;
  if (unsent > 0) {
    meter.error('were due and not sent in time: the target did not keep up with the rate', unsent);
  }
  return unsent;
}

/** Runs one rate to its last outcome. Undefined when the load was ended, or its updates are used up. */
async function measureStep(deps: SideDeps, running: Running, perSecond: number): Promise<SearchStep | undefined> {
  const { plan, stopping, view } = deps;
  const { driver, meter } = running;
  const before = { completed: meter.counts.completed, errors: meter.errors };
  meter.step.reset();
  view.step(perSecond);
  const startedAt = performance.now();
  const unsent = await loop(deps, running, perSecond);
  await drain(driver, plan.drainMs, stopping.draining);
  if (stopping.submitting.aborted || driver.isOver) {
    return undefined;
  }
  const completed = meter.counts.completed - before.completed;
  const tookMs = Math.max(plan.work.durationMs, meter.lastOutcomeAtMs - startedAt);
  const achievedPerSecond = Math.round((completed / tookMs) * 1000);
  const p99Ms = meter.step.count === 0 ? plan.drainMs : meter.step.atPercentile(99);
  const isInTime = p99Ms <= (plan.search?.p99LimitMs ?? 0) && achievedPerSecond >= perSecond * HELD_SHARE;
  return { perSecond, achievedPerSecond, p99Ms, held: isInTime && unsent === 0 && meter.errors === before.errors };
}

/** Waits until every sending has ended, for so long. */
async function drain(driver: Driver, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const endsAt = performance.now() + timeoutMs;
  while (driver.open > 0 && performance.now() < endsAt && !signal.aborted) {
    await pause(LOOK_MS);
  }
}

/** What buyers walked away from goes back by itself. */
async function complaintsOfHolds({ plan, redis, keys, cells, stopping }: SideDeps): Promise<string[]> {
  if (plan.work.checkout === undefined) {
    return [];
  }
  const stock = cells.cell(cells.numberOf('inventory', 0));
  const held = await untilNothingHeld(redis, keys, stock, { timeoutMs: plan.drainMs, signal: stopping.draining });
  return held === 0 || stopping.draining.aborted ? [] : [`${held} units are still held, though nobody comes for them`];
}

/** What is wrong with the load as a whole, beside single totals. */
function complaintsOf({ ledger, plan }: SideDeps, meter: Meter, stocked: number): string[] {
  const complaints: string[] = [];
  if (meter.counts.acknowledged === 0) {
    complaints.push('not one update was accepted');
  }
  const { whenShort, quantity } = plan.work.taking;
  if (plan.work.checkout === undefined && plan.work.mix.inventory === 1 && whenShort === 'reject' && quantity === 1) {
    const { unitsTaken, takings, uncertain } = ledger;
    const toSell = Math.min(stocked, takings);
    if (unitsTaken > stocked || (unitsTaken < toSell && uncertain === 0)) {
      complaints.push(`${unitsTaken} of ${stocked} units were sold to ${takings} buyers, instead of ${toSell}`);
    }
  }
  return complaints;
}
