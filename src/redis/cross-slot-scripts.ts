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
  /** @param failure of the call for several, if there was one */
  readonly alone: (item: Item, failure?: Error) => Promise<Answer>;
}

/** Things that are asked about together, or one alone, by their places; and what became of each of these. */
export interface Asked<Answer> {
  readonly places: readonly number[];
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

  /**
   * Asks about all items: by one call for each master on which there are several, as far as is known; about the others, and those of a
   * call that failed, for whatever reason, one by one.
   */
  ask<Item extends { readonly slot: Slot }, Answer>(
    items: readonly Item[],
    { together, alone }: Ways<Item, Answer>,
  ): Asked<Answer>[] {
    const itemsAt = (places: readonly number[]) => places.map((place) => items[place]) as [Item, ...Item[]];
    const oneByOne = (places: readonly number[], failure?: Error) =>
      Promise.allSettled(itemsAt(places).map((item) => alone(item, failure)));
    const asked: Asked<Answer>[] = [];
    for (const [master, places] of this.#placesByMaster(items)) {
      if (master !== undefined && places.length > 1) {
        const settled = together(master, itemsAt(places)).then(allFulfilled, (failure: unknown) =>
          oneByOne(places, failure as Error),
        );
        asked.push({ places, settled });
      } else {
        asked.push(...places.map((place) => ({ places: [place], settled: oneByOne([place]) })));
      }
    }
    return asked;
  }

  /** The same, for who waits for all of them: in the order of the items. */
  async askAll<Item extends { readonly slot: Slot }, Answer>(
    items: readonly Item[],
    ways: Ways<Item, Answer>,
  ): Promise<PromiseSettledResult<Answer>[]> {
    const results = new Array<PromiseSettledResult<Answer>>(items.length);
    for (const { places, settled } of this.ask(items, ways)) {
      const ofPlaces = await settled;
      for (const [index, place] of places.entries()) {
        results[place] = ofPlaces[index] ?? { status: 'rejected', reason: new Error('a call did not answer for all') };
      }
    }
    return results;
  }

  /** The places of items by the master that runs such scripts for them, as far as is known; undefined for the rest. */
  #placesByMaster(items: readonly { readonly slot: Slot }[]): Map<Redis | undefined, number[]> {
    const found = new Map<Redis | undefined, number[]>();
    const masterOf = items.length > 1 ? this.#redis?.masterFinder() : undefined;
    for (const [place, { slot }] of items.entries()) {
      const master = masterOf?.(slot);
      const able = master !== undefined && !this.#unable.has(master) ? master : undefined;
      const places = found.get(able);
      if (places === undefined) {
        found.set(able, [place]);
      } else {
        places.push(place);
      }
    }
    return found;
  }

  /**
   * @param keys of one slot
   * @param args the keys of other slots among them
   * @throws whatever the reason, its caller has to go slot by slot
   */
  async run(
    master: Redis,
    script: Script,
    keys: string | readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    try {
      return await this.#run(master, script, typeof keys === 'string' ? [keys] : keys, args);
    } catch (error) {
      if ((error as Error).name === 'ReplyError') {
        this.#redis?.refreshSlotsCache(); // whatever it says: a command over several slots is refused in the words for a key that moved
      }
      throw error;
    }
  }

  async #run(
    master: Redis,
    script: Script,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    try {
      return await master.evalsha(script.sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error as Error).message.startsWith('NOSCRIPT')) {
        throw error;
      }
      await this.#load(master, script);
      return await master.evalsha(script.sha, keys.length, ...keys, ...args);
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
