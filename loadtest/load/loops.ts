import { setTimeout as pause } from 'node:timers/promises';
import type { Driver } from './driver.js';

const TICK_MS = 1;

/** Sendings of a tick: what is due beyond waits for the next, so that a sender that is behind still hears answers. */
const MAX_BURST = 256;

/** How long after its time an open loop may send what was due within it. */
const GRACE_MS = 1_000;

/** Sendings of an open loop that may be without an end: what is due beyond waits here, and its time counts. */
const MAX_OPEN = 20_000;

export interface LoopOptions {
  readonly durationMs: number;
  /** Whether it grows from nothing to all of the load in the first half of the time. */
  readonly ramp: boolean;
  /** Ends it early. */
  readonly signal: AbortSignal;
}

export interface ClosedOptions extends LoopOptions {
  readonly callers: number;
  /** Whether a caller waits for its outcomes, or only until they are accepted. */
  readonly waitsForOutcome: boolean;
  /** Accepted updates without an outcome at which callers stop for a while. */
  readonly backlogLimit: number;
}

/**
 * Sends at a rate, whatever the answers do, and reckons each from the moment at which it was due: a stall shows in all
 * that had to wait for it.
 *
 * @param options.perSecond sendings
 * @returns how many were due and could not be sent in the time
 */
export async function openLoop(
  driver: Driver,
  { durationMs, ramp, signal, perSecond }: LoopOptions & { readonly perSecond: number },
): Promise<number> {
  const schedule = scheduleOf(perSecond / 1000, ramp ? durationMs / 2 : 0);
  const startedAt = performance.now();
  let sent = 0;
  while (!signal.aborted && !driver.isOver) {
    const elapsedMs = performance.now() - startedAt;
    const due = schedule.dueBy(Math.min(elapsedMs, durationMs));
    const burst = Math.min(due - sent, MAX_BURST, MAX_OPEN - driver.open);
    for (let left = burst; left > 0 && driver.sendNext(startedAt + schedule.dueAt(sent)) !== undefined; left -= 1) {
      sent += 1;
    }
    const isLate = sent < due && elapsedMs < durationMs + GRACE_MS;
    if (elapsedMs >= durationMs && !isLate) {
      return due - sent;
    }
    await pause(TICK_MS);
  }
  return 0;
}

/** When each sending is due, in ms from the start. */
function scheduleOf(perMs: number, rampMs: number) {
  const inRamp = (perMs * rampMs) / 2;
  return {
    /** How many are due so far. */
    dueBy: (ms: number) => Math.floor(ms < rampMs ? (perMs * ms * ms) / (2 * rampMs) : inRamp + perMs * (ms - rampMs)),
    /** When the nth is due, from 0. */
    dueAt: (place: number) =>
      place < inRamp ? Math.sqrt((2 * rampMs * place) / perMs) : rampMs + (place - inRamp) / perMs,
  };
}

/** Callers that each send when they have their answer. */
export async function closedLoop(driver: Driver, options: ClosedOptions): Promise<void> {
  const { durationMs, ramp, signal, callers } = options;
  const startedAt = performance.now();
  const caller = async (_: unknown, place: number) => {
    const startsAt = startedAt + (ramp ? (durationMs / 2) * (place / callers) : 0);
    while (!signal.aborted && !driver.isOver && performance.now() < startedAt + durationMs) {
      if (performance.now() < startsAt || driver.backlog >= options.backlogLimit) {
        await pause(TICK_MS);
        continue;
      }
      const sending = driver.sendNext(performance.now());
      await (sending === undefined ? pause(TICK_MS) : options.waitsForOutcome ? sending.ended : sending.answered);
    }
  };
  const over = new AbortController();
  const all = Promise.all(Array.from({ length: callers }, caller));
  // A caller may wait for an outcome for longer than the load lasts.
  await Promise.race([all, pause(durationMs, undefined, { signal: AbortSignal.any([signal, over.signal]) })]).catch(
    () => undefined,
  );
  over.abort();
}
