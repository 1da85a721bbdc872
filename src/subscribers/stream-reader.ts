import { readTold } from '../jobs/told.js';
import type { ToldEntry } from '../jobs/told.js';
import type { ToldStream } from '../jobs/told-streams.js';
import type { Connection } from '../redis/connection.js';
import { BEGINNING } from './cursor.js';
import type { Position } from './cursor.js';
import type { EntryDecoder } from './entry-decoder.js';
import type { OutcomeEvent } from './event.js';
import type { Gap } from './gap.js';
import type { Told } from './scope.js';
import { compareIds, isoOf } from '../redis/stream-ids.js';
import { StreamTail } from './stream-tail.js';

/** What comes next in one stream. */
export interface StreamPage {
  /** What is missing before `events`. Absent when nothing is. */
  readonly gap?: Gap;
  readonly events: readonly (Told & { readonly behind: Position })[];
  /** Where to read on. */
  readonly end: Position;
  /** Whether this was all that the stream holds at the moment. */
  readonly isLast: boolean;
}

/** Beyond so many no further job is read: a page stays in memory while it is told, one for each client that is slow. */
const EVENTS_A_PAGE = 512;

/** Entries to read at a time when some jobs are looked for: those of large jobs have some 15 KB. */
const ENTRIES_A_LOOK = 64;

/** Reads one stream of outcomes for any number of readers. */
export class StreamReader {
  readonly #tail: StreamTail;

  constructor(
    private readonly redis: Connection,
    private readonly stream: ToldStream,
    private readonly decoder: EntryDecoder,
  ) {
    this.#tail = new StreamTail(redis, stream);
  }

  /**
   * Reads on from a position.
   *
   * @param jobs how many jobs at most
   * @throws TallyError `NEWER_FORM` when a newer version of Tally has written what comes next
   */
  async read(from: Position, jobs: number): Promise<StreamPage> {
    const start = from.index > 0 || from.entryId === BEGINNING.entryId ? from.entryId : `(${from.entryId}`;
    const entries = await this.redis.xrange(this.stream.key, start, '+', 'COUNT', jobs);
    if (entries.length === 0) {
      return await this.#atEnd(from);
    }
    const page = this.#pageOf(entries, from);
    return { ...page, isLast: page.isLast && entries.length < jobs };
  }

  /**
   * The events of some jobs behind a position, as they come. Only entries of these are decoded.
   *
   * @param toldIds of the jobs, see `toldId`
   * @param left how many entries may still be looked at: counted down
   */
  async *eventsOf(
    from: Position,
    toldIds: ReadonlySet<string>,
    left: { entries: number },
  ): AsyncGenerator<OutcomeEvent> {
    let behind = from.entryId;
    while (left.entries > 0) {
      const count = Math.min(left.entries, ENTRIES_A_LOOK);
      const entries = await this.redis.xrange(this.stream.key, `(${behind}`, '+', 'COUNT', count);
      left.entries -= entries.length;
      for (const [id, fields] of entries) {
        const entry = readTold(fields);
        behind = id;
        if (entry !== undefined && toldIds.has(entry.id)) {
          yield* this.decoder.eventsOf(entry).map(({ event }) => event);
        }
      }
      if (entries.length < count) {
        return;
      }
    }
  }

  /** @returns false when nothing came within `waitMs`, or the signal was given */
  async untilMore({ entryId, index }: Position, waitMs: number, signal?: AbortSignal): Promise<boolean> {
    return index > 0 || (await this.#tail.untilBehind(entryId, waitMs, signal));
  }

  /** Behind the last entry before an id; undefined when there is none. */
  async lastBefore(end: string): Promise<Position | undefined> {
    const [entry] = await this.redis.xrevrange(this.stream.key, end, '-', 'COUNT', 1);
    return entry && { entryId: entry[0], index: 0, number: readTold(entry[1])?.number };
  }

  close(): void {
    this.#tail.close();
  }

  /** Reads entries up to a gap that is not before the first of them, or until they are enough. */
  #pageOf(entries: readonly [id: string, fields: string[]][], from: Position): StreamPage {
    const events: StreamPage['events'][number][] = [];
    let [position, gap]: [Position, Gap | undefined] = [from, undefined];
    for (const [id, fields] of entries) {
      if (events.length >= EVENTS_A_PAGE) {
        return { events, end: position, isLast: false, ...(gap && { gap }) };
      }
      const entry = readTold(fields);
      if (entry === undefined) {
        position = { ...position, entryId: id, index: 0 }; // another program wrote it
        continue;
      }
      const isHalfRead = id === from.entryId;
      const isFirst = from.entryId === BEGINNING.entryId && position.number === undefined;
      const missing = isHalfRead ? undefined : gapBefore(entry, isFirst ? from : position);
      if (missing !== undefined && events.length > 0) {
        return { events, end: position, isLast: false, ...(gap && { gap }) };
      }
      gap ??= missing;
      const before = entry.number - entry.updates;
      for (const { index, ...told } of this.decoder.eventsOf(entry)) {
        if (!isHalfRead || index >= from.index) {
          const isLast = index + 1 === entry.updates;
          events.push({
            ...told,
            behind: { entryId: id, index: isLast ? 0 : index + 1, number: before + index + 1 },
          });
        }
      }
      position = { entryId: id, index: 0, number: entry.number };
    }
    return { events, end: position, isLast: true, ...(gap && { gap }) };
  }

  /** Nothing is behind it; perhaps since Redis has forgotten what was: then all of it is missing, and the end is elsewhere. */
  async #atEnd(from: Position): Promise<StreamPage> {
    const last = await this.lastBefore('+');
    const isForgotten = last !== undefined && compareIds(last.entryId, from.entryId) < 0;
    return isForgotten
      ? { gap: { from: isoOf(last.entryId) }, events: [], end: last, isLast: true }
      : { events: [], end: from, isLast: true };
  }
}

/** What is missing between a position and the entry that comes next; behind a time all that was removed may be. */
function gapBefore({ number, updates, atMs }: ToldEntry, { entryId, number: known }: Position): Gap | undefined {
  const isBeginning = entryId === BEGINNING.entryId;
  const before = number - updates;
  const missing = before - (known ?? (isBeginning ? before : 0));
  if (missing === 0) {
    return undefined;
  }
  return {
    ...(!isBeginning && { from: isoOf(entryId) }),
    to: new Date(atMs).toISOString(),
    ...(known !== undefined && missing > 0 && { lost: missing }),
  };
}
