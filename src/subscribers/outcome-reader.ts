import type { Store } from '../layout/store.js';
import type { Registry } from '../operations/registry.js';
import type { OutcomeEvent } from './event.js';

/** From where on to read: what comes from now on, all that is held, what came at a time or later, or what lies behind a cursor. */
export type Start = 'now' | 'beginning' | { readonly sinceMs: number } | { readonly after: string };

export interface ToldEvent {
  readonly event: OutcomeEvent;
  /** Right behind this event: reading goes on there without a gap or a repeat. */
  readonly cursor: string;
}

/** What was removed from the stream before it was read, because of the stream's bounds or by hand. */
export interface Gap {
  /** The time of the last update before it, or of the cursor; absent where it is not known. ISO 8601. */
  readonly from?: string;
  /** The time of the first update behind it; absent when there is none yet. ISO 8601. */
  readonly to?: string;
  /** How many updates are missing; absent where that is not known, as after a failover that forgot some, or a reset. */
  readonly lost?: number;
}

export interface Page {
  /** What is missing before `events`, or anywhere among them if somebody removed single entries. Absent when nothing is. */
  readonly gap?: Gap;
  /** In the order of their changes. May be empty before the end: what is a duplicate, or put back, has no event. */
  readonly events: readonly ToldEvent[];
  /** Where to read on. Also keep this one when no event was wanted: it moves on. */
  readonly cursor: string;
  /** Whether this was all that the stream holds at the moment: then {@link OutcomeReader.untilMore}. */
  readonly isLast: boolean;
}

export interface ReaderDeps {
  /** The connection is used for short commands; for waiting the reader makes one copy of it. */
  readonly store: Pick<Store, 'redis' | 'keys'>;
  /** Operations that are not known have events without `result`. */
  readonly registry: Registry;
  readonly namespace: string;
}

/**
 * Reads the stream of outcomes from cursors: one reader serves any number of them (its callers filter with `isWanted`). It keeps
 * nothing about who reads, and writes nothing. For consumer groups see `createSubscriber`.
 */
export interface OutcomeReader {
  /** @throws TallyError `INVALID_CURSOR` */
  cursorAt(start: Start): Promise<string>;
  /**
   * Reads on from a cursor.
   *
   * @param jobs how many jobs at most, each of which may have some hundred events. @defaultValue 16
   * @throws TallyError `INVALID_CURSOR`
   */
  read(cursor: string, jobs?: number): Promise<Page>;
  /**
   * Waits until there is something behind a cursor. All who wait share one blocking connection.
   *
   * @returns false when nothing came within `waitMs`, or the signal was given
   */
  untilMore(cursor: string, waitMs: number, signal?: AbortSignal): Promise<boolean>;
  /** Ends its own connection; the store's stays. */
  close(): void;
}

export declare function createOutcomeReader(deps: ReaderDeps): OutcomeReader;
