import { ConfigurationError } from '../errors.js';
import { readTold } from '../jobs/told.js';
import type { ToldEntry } from '../jobs/told.js';
import type { Store } from '../layout/store.js';
import type { Registry } from '../operations/registry.js';
import { BEGINNING, decodeCursor, encodeCursor } from './cursor.js';
import type { Position } from './cursor.js';
import { EntryDecoder } from './entry-decoder.js';
import type { OutcomeEvent } from './event.js';
import { compareIds, isoOf } from './stream-ids.js';
import { StreamTail } from './stream-tail.js';

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
  /** What is missing before `events`. Absent when nothing is. */
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

const JOBS_PER_PAGE = 16;

/**
 * A reader of the stream of outcomes: it serves any number of cursors (its callers filter with `isWanted`). It keeps nothing about
 * who reads, and writes nothing. For consumer groups see `createSubscriber`.
 *
 * @throws ConfigurationError on a Cluster
 */
export function createOutcomeReader(deps: ReaderDeps): OutcomeReader {
  if (deps.store.redis.isCluster) {
    throw new ConfigurationError('outcomes can not be told on a Redis Cluster yet: use one server');
  }
  return new OutcomeReader(deps);
}

export class OutcomeReader {
  readonly #decoder: EntryDecoder;
  readonly #tail: StreamTail;

  /** @internal use {@link createOutcomeReader} */
  constructor(private readonly deps: ReaderDeps) {
    this.#decoder = new EntryDecoder({ ...deps, keys: deps.store.keys });
    this.#tail = new StreamTail(deps.store.redis, deps.store.keys.outcomes);
  }

  /** @throws TallyError `INVALID_CURSOR` */
  async cursorAt(start: Start): Promise<string> {
    // Redis knows nothing before the first id.
    if (start === 'beginning' || (typeof start === 'object' && 'sinceMs' in start && start.sinceMs < 1)) {
      return encodeCursor(BEGINNING);
    }
    if (typeof start === 'object' && 'after' in start) {
      return encodeCursor(decodeCursor(start.after));
    }
    const last = await this.#lastBefore(start === 'now' ? '+' : `(${Math.max(0, Math.floor(start.sinceMs))}-0`);
    return encodeCursor(last ?? (start === 'now' ? { ...BEGINNING, number: 0 } : BEGINNING));
  }

  /**
   * Reads on from a cursor.
   *
   * @param jobs how many jobs at most, each of which may have some hundred events. @defaultValue 16
   * @throws TallyError `INVALID_CURSOR`; `NEWER_FORM` when a newer version of Tally has written what comes next
   */
  async read(cursor: string, jobs = JOBS_PER_PAGE): Promise<Page> {
    const { redis, keys } = this.deps.store;
    const from = decodeCursor(cursor);
    const start = from.index > 0 || from.entryId === BEGINNING.entryId ? from.entryId : `(${from.entryId}`;
    const entries = await redis.xrange(keys.outcomes, start, '+', 'COUNT', jobs);
    if (entries.length === 0) {
      return await this.#atEnd(from);
    }
    const page = this.#pageOf(entries, from);
    return { ...page, isLast: page.isLast && entries.length < jobs };
  }

  /**
   * Waits until there is something behind a cursor. All who wait share one blocking connection.
   *
   * @returns false when nothing came within `waitMs`, or the signal was given
   */
  async untilMore(cursor: string, waitMs: number, signal?: AbortSignal): Promise<boolean> {
    const { entryId, index } = decodeCursor(cursor);
    return index > 0 || (await this.#tail.untilBehind(entryId, waitMs, signal));
  }

  /** Ends its own connection; the store's stays. */
  close(): void {
    this.#tail.close();
  }

  /** Reads entries up to a gap that is not before the first of them. */
  #pageOf(entries: readonly [id: string, fields: string[]][], from: Position): Page {
    const events: ToldEvent[] = [];
    let [position, gap]: [Position, Gap | undefined] = [from, undefined];
    for (const [id, fields] of entries) {
      const entry = readTold(fields);
      if (entry === undefined) {
        position = { ...position, entryId: id, index: 0 }; // another program wrote it
        continue;
      }
      const isHalfRead = id === from.entryId;
      const missing = isHalfRead ? undefined : gapBefore(entry, position);
      if (missing !== undefined && events.length > 0) {
        return { events, cursor: encodeCursor(position), isLast: false, ...(gap && { gap }) };
      }
      gap ??= missing;
      const before = entry.number - entry.updates;
      for (const { index, event } of this.#decoder.eventsOf(entry)) {
        if (!isHalfRead || index >= from.index) {
          const isLast = index + 1 === entry.updates;
          const behind = { entryId: id, index: isLast ? 0 : index + 1, number: before + index + 1 };
          events.push({ event, cursor: encodeCursor(behind) });
        }
      }
      position = { entryId: id, index: 0, number: entry.number };
    }
    return { events, cursor: encodeCursor(position), isLast: true, ...(gap && { gap }) };
  }

  /** Nothing is behind it; perhaps since Redis has forgotten what was: then all of it is missing, and the end is elsewhere. */
  async #atEnd(from: Position): Promise<Page> {
    const last = await this.#lastBefore('+');
    const isForgotten = last !== undefined && compareIds(last.entryId, from.entryId) < 0;
    return isForgotten
      ? { gap: { from: isoOf(last.entryId) }, events: [], cursor: encodeCursor(last), isLast: true }
      : { events: [], cursor: encodeCursor(from), isLast: true };
  }

  async #lastBefore(end: string): Promise<Position | undefined> {
    const { redis, keys } = this.deps.store;
    const [entry] = await redis.xrevrange(keys.outcomes, end, '-', 'COUNT', 1);
    return entry && { entryId: entry[0], index: 0, number: readTold(entry[1])?.number };
  }
}

/** What is missing between a position and the entry that comes next. */
function gapBefore({ number, updates, atMs }: ToldEntry, { entryId, number: known }: Position): Gap | undefined {
  const missing = known === undefined ? 0 : number - updates - known;
  if (missing === 0) {
    return undefined;
  }
  return {
    ...(entryId !== BEGINNING.entryId && { from: isoOf(entryId) }),
    to: new Date(atMs).toISOString(),
    ...(missing > 0 && { lost: missing }),
  };
}
