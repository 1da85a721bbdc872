import { readTold } from '../jobs/told.js';
import type { ToldEntry } from '../jobs/told.js';
import type { ToldStream } from '../jobs/told-streams.js';
import type { Store } from '../layout/store.js';
import { luaSource } from '../redis/lua-source.js';
import { createScript, ScriptRunner } from '../redis/scripts.js';
import type { Gap } from './gap.js';
import { isoOf } from '../redis/stream-ids.js';

const LAST_TOLD = luaSource('last-told');
const OPEN = createScript('open-group', LAST_TOLD + luaSource('open-group'));
const NOTE_GAP = luaSource('note-gap');
const READ = createScript('read-group', LAST_TOLD + NOTE_GAP + luaSource('read-group'));
const TAKE_OVER = createScript('take-over', NOTE_GAP + luaSource('take-over'));
const KEEP = createScript('keep-entries', luaSource('keep-entries'));

/** So idle an entry seems to be that was let go of: longer than anybody waits before he takes it over. */
const LET_GO_MS = 24 * 3600 * 1000;

/** An entry that a subscriber was given; undefined where another program has written it. */
export interface GivenEntry {
  readonly id: string;
  readonly entry: ToldEntry | undefined;
}

type RawEntry = [id: string, fields: string[]];

/** Where a group begins in a stream: at a time in ms; `first` is before the first update that was ever told in it. */
export type GroupStart = 'now' | 'beginning' | 'first' | number;

/** A consumer of a group of a stream of outcomes. */
export class GroupMember {
  readonly #scripts: ScriptRunner;
  readonly #keys: readonly [stream: string, group: string];
  readonly stream: string;
  #gap: string | undefined;

  constructor(
    private readonly store: Pick<Store, 'redis' | 'keys'>,
    { slot, key }: Pick<ToldStream, 'slot' | 'key'>,
    private readonly group: string,
    private readonly consumer: string,
  ) {
    this.#scripts = new ScriptRunner(store.redis, [OPEN, READ, TAKE_OVER, KEEP]);
    this.stream = key;
    this.#keys = [key, store.keys.outcomeGroup(group, slot)];
  }

  /** Makes the group, unless there is one. */
  async open(start: GroupStart): Promise<void> {
    await this.#scripts.run(OPEN, this.#keys, [this.group, start]);
  }

  /**
   * Takes the next entries.
   *
   * @returns them, what is missing before them until {@link gapTold}, and the id of the last one that the group was given
   */
  async read(count: number): Promise<{ entries: GivenEntry[]; gap: Gap | undefined; lastId: string }> {
    const [entries, gap, lastId] = (await this.#scripts.run(READ, this.#keys, [this.group, this.consumer, count])) as [
      RawEntry[],
      string | null,
      string,
    ];
    this.#gap = gap ?? undefined;
    return { entries: entries.map(givenEntry), gap: gap === null ? undefined : readGap(gap), lastId };
  }

  /** Somebody was told of what is missing. */
  async gapTold(): Promise<void> {
    const { redis } = this.store;
    const [, key] = this.#keys;
    if ((await redis.hget(key, 'gap')) === this.#gap) {
      await redis.hdel(key, 'gap');
    }
  }

  /**
   * Takes over entries whose subscribers have said nothing of them for so long.
   *
   * @returns them, and how many have been removed from the stream: {@link read} tells of the gap
   */
  async takeOver(idleMs: number, count: number): Promise<{ entries: GivenEntry[]; lost: number }> {
    const args = [this.group, this.consumer, idleMs, count];
    const [entries, lost] = (await this.#scripts.run(TAKE_OVER, this.#keys, args)) as [RawEntry[], number];
    return { entries: entries.map(givenEntry), lost };
  }

  async acknowledge(id: string): Promise<void> {
    await this.store.redis.xack(this.#keys[0], this.group, id);
  }

  /** Says that these are at work. @returns those that nobody has taken over */
  async keep(ids: readonly string[]): Promise<Set<string>> {
    return await this.#markIdle(0, ids);
  }

  /** Leaves entries to others, at once, and then the group. */
  async leave(ids: readonly string[]): Promise<void> {
    const { redis } = this.store;
    if (ids.length > 0) {
      await this.#markIdle(LET_GO_MS, ids);
    }
    const pending = await redis.xpending(this.#keys[0], this.group, '-', '+', 1, this.consumer);
    if (pending.length === 0) {
      await redis.xgroup('DELCONSUMER', this.#keys[0], this.group, this.consumer);
    }
  }

  async #markIdle(idleMs: number, ids: readonly string[]): Promise<Set<string>> {
    const kept = await this.#scripts.run(KEEP, [this.#keys[0]], [this.group, this.consumer, idleMs, ...ids]);
    return new Set(kept as string[]);
  }
}

function givenEntry([id, fields]: RawEntry): GivenEntry {
  return { id, entry: readTold(fields) };
}

function readGap(text: string): Gap {
  const [fromId = '0-0', toId = '0-0', lost] = text.split(' ');
  return {
    ...(fromId !== '0-0' && { from: isoOf(fromId) }),
    to: isoOf(toId),
    ...(lost !== '-' && { lost: Number(lost) }),
  };
}
