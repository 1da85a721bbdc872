import { TallyError } from '../errors.js';
import { KnownStreams, LOOK_FOR_STREAMS_MS } from '../jobs/told-streams.js';
import type { ToldStream } from '../jobs/told-streams.js';
import type { Store } from '../layout/store.js';
import { firstWait } from '../lib/first-wait.js';
import { withDeadline } from '../lib/timeouts.js';
import type { Registry } from '../operations/registry.js';
import type { Connection } from '../redis/connection.js';
import { NO_SLOT, SLOTS } from '../redis/slots.js';
import type { Slot } from '../redis/slots.js';
import { BEGINNING, decodeCursor, encodeCursor, FIRST } from './cursor.js';
import type { Cursor, Position } from './cursor.js';
import { EntryDecoder } from './entry-decoder.js';
import type { OutcomeEvent } from './event.js';
import type { Gap } from './gap.js';
import type { Told } from './scope.js';
import { compareIds, idBefore, isoOf } from '../redis/stream-ids.js';
import { StreamReader } from './stream-reader.js';
import type { StreamPage } from './stream-reader.js';

/** From where on to read: what comes from now on, all that is held, what came at a time or later, or what lies behind a cursor. */
export type Start = 'now' | 'beginning' | { readonly sinceMs: number } | { readonly after: string };

export interface ToldEvent extends Told {
  /** Right behind this event: reading goes on there without a gap or a repeat. */
  readonly cursor: string;
}

export interface Page {
  /** What is missing before `events`. Absent when nothing is. */
  readonly gap?: Gap;
  /**
   * In the order of their changes, on a Cluster those of each stream. May be empty before the end: what is a duplicate, or put back, has
   * no event.
   */
  readonly events: readonly ToldEvent[];
  /** Where to read on. Also keep this one when no event was wanted: it moves on. */
  readonly cursor: string;
  /** Whether this was all that is held at the moment: then {@link OutcomeReader.untilMore}. */
  readonly isLast: boolean;
  /** Until when all that was told has been read, in ms; Infinity after the last, but for a master of a Cluster that is away. */
  readonly readToMs: number;
}

export interface ReaderDeps {
  /** The connection is used for short commands; for waiting the reader makes one copy of it. */
  readonly store: Pick<Store, 'redis' | 'keys'>;
  /** Operations that are not known have events without `result`. */
  readonly registry: Registry;
  readonly namespace: string;
}

const JOBS_PER_PAGE = 16;

/** How long a master of a Cluster may keep the streams of others waiting. */
const PATIENCE_MS = 3_000;

/**
 * A reader of the streams of outcomes: it serves any number of cursors (its callers filter with `isWanted`). It keeps nothing about
 * who reads, and writes nothing. For consumer groups see `createSubscriber`.
 */
export function createOutcomeReader(deps: ReaderDeps): OutcomeReader {
  return new OutcomeReader(deps);
}

export class OutcomeReader {
  readonly #decoder: EntryDecoder;
  readonly #known: KnownStreams;
  readonly #readers = new Map<Slot, StreamReader>();
  #isClosed = false;

  /** @internal use {@link createOutcomeReader} */
  constructor(private readonly deps: ReaderDeps) {
    const { redis, keys } = deps.store;
    this.#decoder = new EntryDecoder({ ...deps, keys });
    this.#known = new KnownStreams(redis, keys);
  }

  /** @throws TallyError `INVALID_CURSOR` */
  async cursorAt(start: Start): Promise<string> {
    if (typeof start === 'object' && 'after' in start) {
      return encodeCursor(decodeCursor(start.after));
    }
    // Redis knows nothing before the first id.
    if (start === 'beginning' || (typeof start === 'object' && start.sinceMs < 1)) {
      return encodeCursor({
        positions: this.#redis.isCluster ? new Map() : new Map([[NO_SLOT, BEGINNING]]),
        elsewhere: BEGINNING,
      });
    }
    const end = start === 'now' ? '+' : idBefore(start.sinceMs);
    const streams = await this.#known.fresh();
    const positions = await Promise.all(
      streams.map(async (stream) => {
        const reader = this.#readerOf(stream);
        const last = await reader.lastBefore(end);
        // What an empty stream is told next is numbered from 1 on.
        const isEmpty = last === undefined && (start === 'now' || (await reader.lastBefore('+')) === undefined);
        return [stream.slot, last ?? (isEmpty ? FIRST : { ...BEGINNING, entryId: end })] as const;
      }),
    );
    return encodeCursor({ positions: new Map(positions), elsewhere: FIRST });
  }

  /** Whether there is anything to read. */
  async isEmpty(): Promise<boolean> {
    const streams = await this.#known.list();
    const last = await Promise.all(streams.map((stream) => this.#readerOf(stream).lastBefore('+')));
    return last.every((position) => position === undefined);
  }

  /**
   * Reads on from a cursor.
   *
   * @param jobs how many jobs at most, fewer where they have some hundred events each; of each stream. @defaultValue 16
   * @throws TallyError `INVALID_CURSOR`; `NEWER_FORM` when a newer version of Tally has written what comes next
   */
  async read(cursor: string, jobs = JOBS_PER_PAGE): Promise<Page> {
    const decoded = decodeCursor(cursor);
    const streams = await this.#streamsOf(decoded);
    const from = new Map(streams.map(({ slot }) => [slot, decoded.positions.get(slot) ?? decoded.elsewhere]));
    const foreign = [...decoded.positions].find(([slot]) => !from.has(slot));
    if (foreign !== undefined) {
      // Of before this moved to a Cluster, or from one: what was told there is not here.
      const gap = { from: isoOf(foreign[1].entryId) };
      return { gap, events: [], cursor: await this.cursorAt('beginning'), isLast: false, readToMs: 0 };
    }
    const pages = await this.#readAll(streams, from, jobs);
    const withGap = pages.find(({ page: { gap } }) => gap !== undefined); // it says which events it is before
    return mergePages(withGap === undefined ? pages : [withGap], from, withGap !== undefined && streams.length > 1);
  }

  /**
   * The events of some jobs behind a cursor, as far as they are told by now, also in streams that are new. See
   * {@link StreamReader.eventsOf}.
   *
   * @throws TallyError `INVALID_CURSOR`, `NEWER_FORM`
   */
  async *eventsOf(
    cursor: string,
    toldIds: ReadonlySet<string>,
    left: { entries: number },
  ): AsyncGenerator<OutcomeEvent> {
    const decoded = decodeCursor(cursor);
    const looked = new Set<Slot>();
    for (const find of [() => this.#streamsOf(decoded), () => this.#known.fresh()]) {
      for (const stream of (await find()).filter(({ slot }) => !looked.has(slot))) {
        looked.add(stream.slot);
        yield* this.#readerOf(stream).eventsOf(decoded.positions.get(stream.slot) ?? decoded.elsewhere, toldIds, left);
      }
    }
  }

  /**
   * Waits until there is something behind a cursor. All who wait share one blocking connection, on a Cluster one for each stream.
   *
   * @returns false when nothing came within `waitMs`, or the signal was given; on a Cluster sooner, to look for new streams
   */
  async untilMore(cursor: string, waitMs: number, signal?: AbortSignal): Promise<boolean> {
    const decoded = decodeCursor(cursor);
    const streams = await this.#streamsOf(decoded);
    const [only] = streams;
    const positionIn = ({ slot }: ToldStream) => decoded.positions.get(slot) ?? decoded.elsewhere;
    if (only?.slot === NO_SLOT) {
      return await this.#readerOf(only).untilMore(positionIn(only), waitMs, signal);
    }
    const more = await firstWait(Math.min(waitMs, LOOK_FOR_STREAMS_MS), signal, (end) =>
      streams
        .filter(({ isInUse }) => isInUse)
        .map((stream) => this.#readerOf(stream).untilMore(positionIn(stream), waitMs, end)),
    );
    return more === true;
  }

  /** Ends its own connections; the store's stays. */
  close(): void {
    this.#isClosed = true;
    for (const reader of this.#readers.values()) {
      reader.close();
    }
  }

  get #redis(): Connection {
    return this.deps.store.redis;
  }

  /** Those that are known, and those that a cursor knows: the set of them may have been lost. */
  async #streamsOf({ positions }: Cursor): Promise<readonly ToldStream[]> {
    const known = await this.#known.list();
    const others = [...positions.keys()].filter(
      (slot) =>
        this.#redis.isCluster && slot !== NO_SLOT && slot < SLOTS && known.every((stream) => stream.slot !== slot),
    );
    const { keys } = this.deps.store;
    return [...known, ...others.map((slot) => ({ slot, key: keys.outcomesIn(slot), isInUse: false }))];
  }

  #readerOf(stream: ToldStream): StreamReader {
    const known = this.#readers.get(stream.slot);
    if (known !== undefined) {
      return known;
    }
    const reader = new StreamReader(this.#redis, stream, this.#decoder);
    this.#readers.set(stream.slot, reader);
    if (this.#isClosed) {
      reader.close();
    }
    return reader;
  }

  /** Of a Cluster those that answer: a master that is away holds up its own stream. */
  async #readAll(
    streams: readonly ToldStream[],
    from: ReadonlyMap<Slot, Position>,
    jobs: number,
  ): Promise<{ slot: Slot; page: StreamPage }[]> {
    const reading = streams.map(async (stream) => {
      const position = from.get(stream.slot) ?? BEGINNING;
      return { slot: stream.slot, page: await this.#readerOf(stream).read(position, jobs) };
    });
    const [only] = reading;
    if (only !== undefined && reading.length === 1) {
      return [await only];
    }
    const asked = await Promise.allSettled(reading.map((each) => withDeadline(each, PATIENCE_MS)));
    const failed = asked.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as Error] : []));
    const fault = failed.find((reason) => reason instanceof TallyError) ?? failed[0];
    if (fault !== undefined && (fault instanceof TallyError || failed.length === asked.length)) {
      throw fault;
    }
    return asked.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  }
}

/** What was read in several streams, by the time at which it was told. @param isMore whether others hold more */
function mergePages(
  pages: readonly { readonly slot: Slot; readonly page: StreamPage }[],
  from: ReadonlyMap<Slot, Position>,
  isMore: boolean,
): Page {
  const positions = new Map(from);
  const cursorNow = () => encodeCursor({ positions, elsewhere: FIRST });
  const events = pages.flatMap(({ slot, page }) => page.events.map((told) => ({ slot, ...told })));
  if (pages.length > 1) {
    events.sort((one, other) => compareIds(one.behind.entryId, other.behind.entryId));
  }
  const told = events.map(({ slot, event, steps, behind }) => {
    positions.set(slot, behind);
    return { event, steps, cursor: cursorNow() };
  });
  for (const { slot, page } of pages) {
    positions.set(slot, page.end);
  }
  const read = new Set(pages.flatMap(({ slot, page }) => (page.isLast ? [slot] : [])));
  const unread = [...positions].filter(([slot]) => !read.has(slot)).map(([, { entryId }]) => parseInt(entryId));
  const gap = pages[0]?.page.gap;
  return {
    ...(gap && { gap }),
    events: told,
    cursor: cursorNow(),
    isLast: !isMore && pages.every(({ page: { isLast } }) => isLast),
    readToMs: Math.min(...unread),
  };
}
