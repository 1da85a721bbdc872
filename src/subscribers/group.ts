import { setMaxListeners } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { KnownStreams } from '../jobs/told-streams.js';
import type { ToldStream } from '../jobs/told-streams.js';
import type { Store } from '../layout/store.js';
import { firstWait } from '../lib/first-wait.js';
import { withDeadline } from '../lib/timeouts.js';
import { NO_SLOT } from '../redis/slots.js';
import type { Slot } from '../redis/slots.js';
import { GroupMember } from './group-member.js';
import type { GivenEntry, GroupStart } from './group-member.js';
import type { Gap } from './gap.js';
import { StreamTail } from './stream-tail.js';

/** How long at most nothing is asked while nothing comes. */
const IDLE_MS = 1_000;

/** How long a master of a Cluster may take. What it gives later is taken over like that of somebody who died. */
const PATIENCE_MS = 3_000;

/** A stream that no worker uses any more is looked at so often; it may hold what was told before slots moved. */
const LOOK_AT_UNUSED_MS = 5_000;

/** An entry, and whom to tell that it was handled. */
export interface Given extends GivenEntry {
  readonly from: GroupMember;
}

/** What is missing before the entries, until somebody was told. */
interface MissingIn {
  readonly gap: Gap;
  readonly from: GroupMember;
}

interface Source {
  readonly member: GroupMember;
  readonly tail: StreamTail;
  isInUse: boolean;
  /** While nothing comes: resolves when something has, or it is time to look. */
  idle: Promise<unknown> | undefined;
}

/** Of a group on a Cluster: the streams that there were when it began, and where it began in them. In all others at their first. */
interface Birth {
  readonly slots: readonly number[];
  readonly start: GroupStart;
}

/** A consumer of a group, in all streams of outcomes: one server has one, a Cluster several. */
export class Group {
  readonly #known: KnownStreams;
  readonly #sources = new Map<Slot, Source>();
  #birth: Birth | undefined;

  constructor(
    private readonly store: Pick<Store, 'redis' | 'keys'>,
    private readonly group: string,
    private readonly consumer: string,
    private readonly stopped: AbortSignal,
  ) {
    this.#known = new KnownStreams(store.redis, store.keys);
    setMaxListeners(0, stopped); // one for each stream
  }

  /** Makes the group, unless there is one. */
  async open(start: GroupStart): Promise<void> {
    const streams = await this.#known.fresh();
    this.#birth = await this.#beginOnce(streams, start);
    await Promise.all(streams.map((stream) => this.#follow(stream)));
  }

  /** Takes the next entries: of one stream after the other, so that none waits for another. */
  async read(count: number): Promise<{ entries: Given[]; gaps: MissingIn[] }> {
    await this.#lookForStreams();
    const entries: Given[] = [];
    const gaps: MissingIn[] = [];
    for (const [slot, source] of [...this.#sources]) {
      if (source.idle !== undefined || entries.length >= count) {
        continue;
      }
      const { member: from } = source;
      const given = await this.#ask(slot, source, from.read(count - entries.length));
      entries.push(...(given?.entries ?? []).map((entry) => ({ ...entry, from })));
      if (given?.gap !== undefined) {
        gaps.push({ gap: given.gap, from });
      }
      if (given?.entries.length === 0) {
        this.#rest(source, source.tail.untilBehind(given.lastId, IDLE_MS, this.stopped));
      } else {
        this.#sources.delete(slot); // the last to be asked next time
        this.#sources.set(slot, source);
      }
    }
    return { entries, gaps };
  }

  /** Resolves when something may have come: within a second. */
  async untilMore(): Promise<void> {
    await firstWait(IDLE_MS, this.stopped, () => [...this.#sources.values()].map(({ idle }) => idle));
  }

  /** Takes over entries of which nobody has said anything for so long; see {@link GroupMember.takeOver}. */
  async takeOver(idleMs: number, count: number): Promise<{ entries: Given[]; lost: number }> {
    const entries: Given[] = [];
    let lost = 0;
    for (const [slot, source] of this.#sources) {
      if (entries.length < count) {
        const { member: from } = source;
        const taken = await this.#ask(slot, source, from.takeOver(idleMs, count - entries.length));
        entries.push(...(taken?.entries ?? []).map((entry) => ({ ...entry, from })));
        lost += taken?.lost ?? 0;
      }
    }
    return { entries, lost };
  }

  /** Says that these are at work. @returns those that nobody has taken over */
  async keep(held: readonly Given[]): Promise<Set<Given>> {
    const kept = await Promise.all(
      byMember(held).map(async ([member, ofMember]) => {
        const ids = await member.keep(ofMember.map(({ id }) => id));
        return ofMember.filter(({ id }) => ids.has(id));
      }),
    );
    return new Set(kept.flat());
  }

  /** Leaves entries to others, at once, and then the group. */
  async leave(held: readonly Given[]): Promise<void> {
    const ofMembers = new Map(byMember(held));
    await Promise.all(
      [...this.#sources.values()].map(({ member }) => member.leave((ofMembers.get(member) ?? []).map(({ id }) => id))),
    );
  }

  close(): void {
    for (const { tail } of this.#sources.values()) {
      tail.close();
    }
  }

  /** On a Cluster: whoever comes first says which streams there are, and all begin alike. */
  async #beginOnce(streams: readonly ToldStream[], start: GroupStart): Promise<Birth> {
    const { redis, keys } = this.store;
    const slots = streams.flatMap(({ slot }) => (slot === NO_SLOT ? [] : [slot]));
    if (!redis.isCluster) {
      return { slots, start };
    }
    const key = keys.outcomeGroup(this.group);
    const hasMoved = (await redis.hexists(key, 'id')) === 1; // from one server: what is told here is new to it
    const birth: Birth = { slots, start: hasMoved ? 'first' : start };
    await redis.hsetnx(key, 'birth', JSON.stringify(birth));
    return JSON.parse((await redis.hget(key, 'birth')) ?? '{"slots":[],"start":"first"}') as Birth;
  }

  async #lookForStreams(): Promise<void> {
    for (const stream of await this.#known.list()) {
      const source = this.#sources.get(stream.slot);
      if (source === undefined) {
        const following = this.#follow(stream);
        await (stream.slot === NO_SLOT ? following : withDeadline(following, PATIENCE_MS).catch(() => undefined)); // or the next time
      } else {
        source.isInUse = stream.isInUse;
      }
    }
  }

  async #follow(stream: ToldStream): Promise<void> {
    const { slot, isInUse } = stream;
    const known = this.#sources.get(slot);
    const member = known?.member ?? new GroupMember(this.store, stream, this.group, this.consumer);
    await member.open(this.#startIn(slot));
    if (known === undefined) {
      this.#sources.set(slot, { member, tail: new StreamTail(this.store.redis, stream), isInUse, idle: undefined });
    }
  }

  #startIn(slot: Slot): GroupStart {
    const { slots = [], start = 'first' } = this.#birth ?? {};
    return slot === NO_SLOT || slots.includes(slot) ? start : 'first';
  }

  /** Nothing is asked of a stream until something has come, or it is time to look. */
  #rest(source: Source, untilMore: Promise<unknown>): void {
    const over = source.isInUse ? untilMore : wait(LOOK_AT_UNUSED_MS, undefined, { signal: this.stopped });
    source.idle = over
      .catch(() => undefined)
      .then(() => {
        source.idle = undefined;
      });
  }

  /**
   * Of several streams one may be away: its master holds up nobody else.
   *
   * @returns undefined then
   * @throws of the only stream, what Redis says
   */
  async #ask<Answer>(slot: Slot, source: Source, asked: Promise<Answer>): Promise<Answer | undefined> {
    if (slot === NO_SLOT) {
      return await asked;
    }
    try {
      return await withDeadline(asked, PATIENCE_MS);
    } catch (error) {
      if ((error as Error).message.startsWith('NOGROUP')) {
        await source.member.open(this.#startIn(slot)).catch(() => undefined);
      }
      this.#rest(source, wait(IDLE_MS, undefined, { signal: this.stopped }));
      return undefined;
    }
  }
}

function byMember(held: readonly Given[]): [GroupMember, Given[]][] {
  const found = new Map<GroupMember, Given[]>();
  for (const given of held) {
    found.set(given.from, [...(found.get(given.from) ?? []), given]);
  }
  return [...found];
}
