import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';
import { decodeCursor, isBehind } from './cursor.js';
import type { OutcomeReader, Page } from './outcome-reader.js';

/** Events at hand for those who are a little behind: some 4 MB. Who is further behind reads for himself. */
const KEPT_EVENTS = 4_000;

/** Jobs of the stream to read at a time: the events of one page go to all at once. */
const JOBS_A_PAGE = 16;

const LOOK_EVERY_MS = 30_000;
const RETRY_MS = 1_000;

/**
 * Follows the stream for any number of clients with one reader. All who are at its end share what it reads; who is further behind
 * reads for himself until he has caught up. Clients pull: one that is slow falls behind, and holds up nobody.
 */
export class LiveFeed {
  /** Each begins where the one before ended. */
  readonly #pages: Page[] = [];
  /** The place of the page in `#pages` that begins at a cursor, plus how many have been dropped from its front. */
  readonly #byStart = new Map<string, number>();
  #dropped = 0;
  #kept = 0;
  #start = '';
  #end = '';
  #clients = 0;
  #stop = new AbortController();
  readonly #waiting = new Set<() => void>();

  constructor(
    private readonly reader: OutcomeReader,
    private readonly logger: Logger,
  ) {}

  /**
   * Tells all that lies behind a cursor, and then what comes, until the signal is given. While Redis is away nothing comes, and no
   * error either.
   *
   * @throws TallyError `INVALID_CURSOR`
   */
  async *follow(cursor: string, signal: AbortSignal): AsyncGenerator<Page, void> {
    decodeCursor(cursor);
    this.#enter();
    try {
      while (!signal.aborted) {
        const page = await this.#next(cursor, signal);
        if (page !== undefined) {
          cursor = page.cursor;
          yield page;
        }
      }
    } finally {
      this.#leave();
    }
  }

  /** The page behind a cursor; undefined when it was worth waiting for, but has not come. */
  async #next(cursor: string, signal: AbortSignal): Promise<Page | undefined> {
    const at = this.#byStart.get(cursor);
    if (at !== undefined) {
      return this.#pages[at - this.#dropped];
    }
    if (this.#isAtEnd(cursor)) {
      await this.#arrival(signal);
      return undefined;
    }
    return this.#restOfPage(cursor) ?? (await this.#readAlone(cursor, signal));
  }

  /** Not so for one that has come further: it has read alone, or it is of what Redis has forgotten, and is told of its gap. */
  #isAtEnd(cursor: string): boolean {
    if (this.#end === '' || cursor === this.#end) {
      return this.#end !== '';
    }
    const [own, end] = [decodeCursor(cursor), decodeCursor(this.#end)];
    return !isBehind(own, end) && !isBehind(end, own);
  }

  /** Of the page that a cursor lies in, what lies behind it: where that is behind one of its events. */
  #restOfPage(cursor: string): Page | undefined {
    for (const page of this.#pages) {
      const place = page.events.findIndex((event) => event.cursor === cursor);
      if (place !== -1) {
        const { gap: _, ...rest } = page; // it lies before all of them
        return { ...rest, events: page.events.slice(place + 1) };
      }
    }
    return undefined;
  }

  async #readAlone(cursor: string, signal: AbortSignal): Promise<Page | undefined> {
    try {
      const page = await this.reader.read(cursor, JOBS_A_PAGE);
      if (page.isLast && page.cursor === cursor && page.gap === undefined) {
        // The feed has not begun, or is about to read what comes next.
        await this.reader.untilMore(cursor, RETRY_MS, signal);
      }
      return page;
    } catch (error) {
      this.logger.debug({ err: error }, 'could not read outcomes, trying again');
      await pause(RETRY_MS, signal);
      return undefined;
    }
  }

  /** Resolves with the next page, or when the signal is given. Races of promises would pile up on the longest-lived one. */
  #arrival(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const arrived = () => {
        this.#waiting.delete(arrived);
        signal.removeEventListener('abort', arrived);
        resolve();
      };
      this.#waiting.add(arrived);
      signal.addEventListener('abort', arrived);
    });
  }

  #enter(): void {
    this.#clients += 1;
    if (this.#clients === 1) {
      this.#stop = new AbortController();
      void this.#run(this.#stop.signal);
    }
  }

  #leave(): void {
    this.#clients -= 1;
    if (this.#clients === 0) {
      this.#stop.abort();
    }
  }

  /** Reads on as long as there are clients. */
  async #run(signal: AbortSignal): Promise<void> {
    const isStopped = () => signal.aborted; // then another run may have begun
    let cursor = '';
    this.#forget(cursor);
    while (!isStopped()) {
      try {
        if (cursor === '') {
          cursor = await this.reader.cursorAt('now');
          if (isStopped()) {
            return;
          }
          this.#forget(cursor);
        }
        const page = await this.reader.read(cursor, JOBS_A_PAGE);
        if (isStopped()) {
          return;
        }
        if (page.cursor !== cursor || page.gap !== undefined) {
          this.#add(cursor, page);
          cursor = page.cursor;
        }
        if (page.isLast) {
          await this.reader.untilMore(cursor, LOOK_EVERY_MS, signal);
        }
      } catch (error) {
        this.logger.debug({ err: error }, 'could not read outcomes, trying again');
        await pause(RETRY_MS, signal);
      }
    }
  }

  #add(start: string, page: Page): void {
    this.#byStart.set(start, this.#dropped + this.#pages.length);
    this.#pages.push(page);
    this.#kept += 1 + page.events.length;
    this.#end = page.cursor;
    while (this.#kept > KEPT_EVENTS && this.#pages.length > 1) {
      this.#dropFirst();
    }
    wakeInTurns([...this.#waiting]);
  }

  #dropFirst(): void {
    const page = this.#pages.shift();
    if (page !== undefined) {
      this.#byStart.delete(this.#start);
      this.#dropped += 1;
      this.#kept -= 1 + page.events.length;
      this.#start = page.cursor;
    }
  }

  #forget(cursor: string): void {
    this.#pages.length = 0;
    this.#byStart.clear();
    this.#kept = 0;
    this.#start = this.#end = cursor;
  }
}

/** Clients that are told in one turn of the event loop: some 3 ms. */
const WOKEN_A_TURN = 100;

/** However many clients there are, other requests come in between. */
function wakeInTurns(waiting: readonly (() => void)[]): void {
  for (const arrived of waiting.slice(0, WOKEN_A_TURN)) {
    arrived();
  }
  if (waiting.length > WOKEN_A_TURN) {
    setImmediate(wakeInTurns, waiting.slice(WOKEN_A_TURN));
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => undefined);
}
