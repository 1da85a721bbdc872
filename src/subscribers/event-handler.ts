import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';
import { withDeadline } from '../lib/timeouts.js';
import type { DeadLetters } from './dead-letters.js';
import type { OutcomeEvent } from './event.js';

/** What a handler is told beside the event. */
export interface Delivery {
  /** From 1 on, of this subscriber: the event may have been told to another one before, which died. */
  readonly attempt: number;
  /** Given when the time of the handler is over, when the event was taken over, or when the subscriber has to stop. */
  readonly signal: AbortSignal;
}

export type OnOutcome<Event extends OutcomeEvent = OutcomeEvent> = (event: Event, delivery: Delivery) => unknown;

interface HandlerDeps {
  readonly onOutcome: OnOutcome;
  readonly maxAttempts: number;
  readonly handlerTimeoutMs: number;
  readonly deadLetters: Pick<DeadLetters, 'add'>;
  readonly logger: Logger;
  readonly counted: (how: 'handled' | 'failed' | 'set aside') => void;
}

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 30_000;

/** Milliseconds before the next attempt: doubling from 100 ms to 30 s, of which a random half is taken off. */
function backoffMs(attempt: number): number {
  return Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (attempt - 1)) * (1 - Math.random() / 2);
}

/**
 * Hands an event to the handler until it takes it, or has thrown so often that the event is set aside.
 *
 * @returns whether that came to an end; false when the signal was given before
 */
export async function handleEvent(event: OutcomeEvent, stopped: AbortSignal, deps: HandlerDeps): Promise<boolean> {
  const { maxAttempts, deadLetters, logger, counted } = deps;
  for (let attempt = 1; ; attempt += 1) {
    if (stopped.aborted) {
      return false;
    }
    try {
      await tryOnce(event, attempt, stopped, deps);
      counted('handled');
      return true;
    } catch (error) {
      if (stopped.aborted) {
        return false;
      }
      counted('failed');
      const { message } = error instanceof Error ? error : new Error(String(error));
      logger.warn({ err: error, event: event.id, attempt }, 'the handler of an outcome failed');
      if (attempt >= maxAttempts) {
        await deadLetters.add({ event, error: message, attempts: attempt, at: new Date().toISOString() });
        counted('set aside');
        logger.error({ err: error, event: event.id, attempts: attempt }, 'an outcome was set aside');
        return true;
      }
      await wait(backoffMs(attempt), undefined, { signal: stopped }).catch(() => undefined);
    }
  }
}

async function tryOnce(
  event: OutcomeEvent,
  attempt: number,
  stopped: AbortSignal,
  { onOutcome, handlerTimeoutMs }: HandlerDeps,
): Promise<void> {
  const over = new AbortController();
  const end = () => {
    over.abort();
  };
  stopped.addEventListener('abort', end);
  try {
    // In a promise, so that one that throws at once fails alike.
    const work = Promise.resolve().then(() => onOutcome(event, { attempt, signal: over.signal }));
    await withDeadline(work, handlerTimeoutMs);
  } finally {
    stopped.removeEventListener('abort', end);
    end(); // also to one that goes on when its time is over
  }
}
