import type { Redis } from 'ioredis';
import { ClusterConnection } from './cluster-connection.js';
import type { Connection } from './connection.js';
import { createScript } from './scripts.js';
import type { Script } from './scripts.js';
import type { Slot } from './slots.js';

/** Redis 7 and Valkey let a script that begins so touch keys of all slots that its node serves; older ones refuse to load it. */
const CROSS_SLOT = '#!lua flags=allow-cross-slot-keys\n';

/** A script in the form in which it may be given keys of several slots. */
export function crossSlotScript({ name, text }: Script): Script {
  return createScript(`${name} for several slots`, CROSS_SLOT + text);
}

/** Asks a server whether it loads such scripts. @returns why not; undefined when it does */
export async function refusalOfCrossSlot(redis: Redis): Promise<string | undefined> {
  try {
    await redis.script('LOAD', `${CROSS_SLOT}return 1`);
    return undefined;
  } catch (error) {
    return requireReply(error).message;
  }
}

/** How to ask about things in slots. */
interface Ways<Item, Answer> {
  /** By one call, several that lie on a master: an answer for each, in order. */
  readonly together: (master: Redis, items: readonly [Item, ...Item[]]) => Promise<readonly Answer[]>;
  readonly alone: (item: Item) => Promise<Answer>;
}

/** Things that are asked about together, or one alone; and what became of it for each, in order. */
export interface Asked<Item, Answer> {
  readonly items: readonly Item[];
  readonly settled: Promise<readonly PromiseSettledResult<Answer>[]>;
}

/**
 * Runs scripts for keys in several slots of one master of a Cluster. Redis knows of one key where such a script goes, so it may
 * meet others that are not there, or no longer: it fails then, as it does when a connection is lost, and its caller goes slot by
 * slot.
 *
 * Calls go to the connection of the master itself, which follows no ASK: on the other side of a slot that moves, a script would
 * find cells missing that have not come yet.
 */
export class CrossSlotScripts {
  readonly #redis: ClusterConnection | undefined;
  readonly #unable = new WeakSet<Redis>();

  /** @param isWanted whether to run any. @defaultValue true */
  constructor(redis: Connection, isWanted = true) {
    this.#redis = isWanted && redis instanceof ClusterConnection ? redis : undefined;
  }

  /** Those of which several lie on a master that runs such scripts, by that master, as far as is known. */
  byMaster<Item extends { readonly slot: Slot }>(items: readonly Item[]): Map<Redis, readonly [Item, ...Item[]]> {
    const found = new Map<Redis, [Item, ...Item[]]>();
    const masterOf = this.#redis?.masterFinder();
    for (const item of masterOf === undefined ? [] : items) {
      const master = masterOf?.(item.slot);
      if (master !== undefined && !this.#unable.has(master)) {
        const others = found.get(master);
        if (others === undefined) {
          found.set(master, [item]);
        } else {
          others.push(item);
        }
      }
    }
    return new Map([...found].filter(([, ofMaster]) => ofMaster.length > 1));
  }

  /**
   * Asks about all items: by one call for each master on which there are several, as far as is known; about the others, and those of a
   * call that failed, for whatever reason, one by one.
   */
  ask<Item extends { readonly slot: Slot }, Answer>(
    items: readonly Item[],
    { together, alone }: Ways<Item, Answer>,
  ): Asked<Item, Answer>[] {
    const byMaster = this.byMaster(items);
    const called = [...byMaster].map(([master, ofMaster]) => ({
      items: ofMaster,
      settled: together(master, ofMaster).then(allFulfilled, () => Promise.allSettled(ofMaster.map(alone))),
    }));
    const inCalls = new Set(called.flatMap((call): readonly Item[] => call.items));
    const others = items.filter((item) => !inCalls.has(item));
    return [...called, ...others.map((item) => ({ items: [item], settled: Promise.allSettled([alone(item)]) }))];
  }

  /** The same, for who waits for all of them: in the order of the items. */
  async askAll<Item extends { readonly slot: Slot }, Answer>(
    items: readonly Item[],
    ways: Ways<Item, Answer>,
  ): Promise<PromiseSettledResult<Answer>[]> {
    const results = new Map<Item, PromiseSettledResult<Answer> | undefined>();
    for (const asked of this.ask(items, ways)) {
      const settled = await asked.settled;
      for (const [place, item] of asked.items.entries()) {
        results.set(item, settled[place]);
      }
    }
    return items.map((item) => results.get(item) ?? { status: 'rejected', reason: new Error('it was not answered') });
  }

  /** @param args the keys of other slots among them. @throws whatever the reason, its caller has to go slot by slot */
  async run(master: Redis, script: Script, key: string, args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await this.#run(master, script, key, args);
    } catch (error) {
      if ((error as Error).name === 'ReplyError') {
        this.#redis?.refreshSlotsCache(); // whatever it says: a command over several slots is refused in the words for a key that moved
      }
      throw error;
    }
  }

  async #run(master: Redis, script: Script, key: string, args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await master.evalsha(script.sha, 1, key, ...args);
    } catch (error) {
      if (!(error as Error).message.startsWith('NOSCRIPT')) {
        throw error;
      }
      await this.#load(master, script);
      return await master.evalsha(script.sha, 1, key, ...args);
    }
  }

  async #load(master: Redis, { text }: Script): Promise<void> {
    try {
      await master.script('LOAD', text);
    } catch (error) {
      this.#noteRefusal(master, error);
      throw error;
    }
  }

  /** A server that can't compile it never will; one that is loading its data, or full, says so with a code. */
  #noteRefusal(master: Redis, error: unknown): void {
    const { name, message } = error as Error;
    if (name === 'ReplyError' && message.startsWith('ERR ')) {
      this.#unable.add(master);
    }
  }
}

/** @throws the first reason of those that are rejected */
export function valuesOf<Answer>(results: readonly PromiseSettledResult<Answer>[]): Answer[] {
  return results.map((result) => {
    if (result.status === 'rejected') {
      throw result.reason;
    }
    return result.value;
  });
}

function allFulfilled<Answer>(answers: readonly Answer[]): PromiseSettledResult<Answer>[] {
  return answers.map((value) => ({ status: 'fulfilled', value }));
}

function requireReply(error: unknown): Error {
  if ((error as Error).name !== 'ReplyError') {
    throw error;
  }
  return error as Error;
}
