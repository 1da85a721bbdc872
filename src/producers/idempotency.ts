import { setImmediate } from 'node:timers/promises';
import { FORM } from '../jobs/form.js';
import { decodeKeyReceipt } from '../jobs/key-receipt.js';
import type { Operation } from '../operations/operation.js';
import { asDuplicate, CONFLICT } from '../operations/outcome.js';
import { fingerprint } from '../operations/update.js';
import type { CheckedUpdate } from '../operations/update.js';
import { announceClock, announceWindow, CLOCK_STEP_MS } from '../redis/announced.js';
import type { Store } from '../layout/store.js';
import type { IdempotencyName } from '../redis/keys.js';
import { CrossSlotScripts, valuesOf } from '../redis/cross-slot-scripts.js';
import type { Before, ReplicaConfirmation } from '../redis/replicas.js';
import type { Slot } from '../redis/slots.js';
import { readByPipeline, readByScript, readOfMaster } from './read-key-receipts.js';
import type { Found, ReadReceipts, SlotReading } from './read-key-receipts.js';

/** What an idempotency receipt says of an update that is sent again. */
export interface Recorded {
  /** The update that was the first with this key. */
  readonly updateId: string;
  /** The outcome in the script's form, as the script itself would answer: a duplicate or a conflict. */
  readonly outcome: string;
}

export type Keyed = Pick<CheckedUpdate, 'params' | 'idempotencyKey' | 'idempotencyOwner' | 'slot'>;

/** What was found of the keyed ones of some updates. */
export interface LookUp {
  /** Redis' time before all of them were looked up; undefined when none is keyed. */
  readonly sentAtMs: number | undefined;
  /** What is recorded under their keys, by the index of the update. */
  readonly recorded: ReadonlyMap<number, Recorded>;
  /** Why some could not be looked up, by the index of the update: not all of them. */
  readonly failures: ReadonlyMap<number, Error>;
}

/** Where the receipt of an update's key is, and what it is compared with. */
interface KeyReceipt {
  readonly index: number;
  readonly key: string;
  readonly operation: Operation;
  readonly params: unknown;
}

/** The receipts of some updates that lie in one slot. */
interface Group {
  readonly slot: Slot;
  readonly receipts: KeyReceipt[];
}

/** What is looked at in one slot. */
interface Place extends SlotReading {
  readonly slot: Slot;
  /** Undefined where nothing has to be confirmed. */
  readonly before: Before | undefined;
}

/** The receipts to look at together. */
interface Gathered {
  readonly keys: Map<Slot, string[]>;
  readonly found: Promise<Map<Slot, Promise<Found>>>;
}

const ANNOUNCE_EVERY_MS = 60_000;

/**
 * Looks updates up by their idempotency keys, and tells when it did, by Redis' clock: what is applied under a key after that
 * time has a receipt which outlives the update's window. That holds because the time is asked before the receipts, on the same
 * server; and because the window, and a time much later than any announced before, are announced before they are used.
 */
export class KeyLookUp {
  /** When the window was announced, by the key that tells. */
  readonly #announced = new Map<string, number>();
  /** What is to be looked at when this turn of the event loop ends. */
  #gathered: Gathered | undefined;
  readonly #read: ReadReceipts;
  readonly #crossSlot: CrossSlotScripts;

  constructor(
    private readonly store: Pick<Store, 'redis' | 'keys' | 'layouts'>,
    /** The longest that an update may have. */
    private readonly windowMs: number,
    private readonly confirmation: ReplicaConfirmation,
  ) {
    this.#crossSlot = new CrossSlotScripts(store.redis);
    this.#read = store.layouts.receipts.scriptsMayRead ? readByScript(store.redis) : readByPipeline(store.redis);
  }

  /**
   * @throws the first failure when there is one in each slot, such as NotReplicatedError when something is recorded, and too few
   * replicas confirm it
   */
  async look<Item extends Keyed>(updates: readonly Item[], operationOf: (update: Item) => Operation): Promise<LookUp> {
    const groups = this.#group(updates, operationOf);
    const readings = await Promise.allSettled(groups.map((group) => this.#gather(group)));
    const recorded: [index: number, recorded: Recorded][] = [];
    const failures: [index: number, failure: Error][] = [];
    const timesMs: number[] = [];
    for (const [place, { receipts }] of groups.entries()) {
      const reading = readings[place];
      if (reading?.status === 'fulfilled') {
        recorded.push(...recordedOf(receipts, reading.value.texts));
        timesMs.push(reading.value.atMs);
      } else {
        failures.push(...receipts.map(({ index }) => [index, reading?.reason as Error] as [number, Error]));
      }
    }
    const [[, failure] = []] = failures;
    if (failure !== undefined && timesMs.length === 0) {
      throw failure;
    }
    return {
      sentAtMs: groups.length === 0 ? undefined : Math.min(...timesMs),
      recorded: new Map(recorded),
      failures: new Map(failures),
    };
  }

  /**
   * The indexes of the updates whose idempotency keys are recorded for other updates.
   *
   * @throws the first failure to look one of them up
   */
  async findConflicts(updates: readonly CheckedUpdate[]): Promise<number[]> {
    const { recorded, failures } = await this.look(updates, ({ operation }) => operation);
    for (const failure of failures.values()) {
      throw failure;
    }
    return [...recorded].flatMap(([index, { outcome }]) => (outcome === CONFLICT ? [index] : []));
  }

  /**
   * What is recorded under a key, null for nothing; undefined in a Cluster, where it lies beside a cell, without the key of that.
   *
   * @throws NotReplicatedError when something is recorded, and too few replicas confirm it
   */
  async textUnder(name: IdempotencyName, cellKey: string): Promise<string | null | undefined> {
    const { keys, layouts } = this.store;
    const slot = layouts.receipts.slotOfKey(cellKey);
    if (slot === undefined) {
      return undefined;
    }
    const found = this.#lookInAll([this.#placeOf(slot, [keys.idempotencyReceipt(name, slot)])]);
    return (await found.get(slot))?.texts[0];
  }

  /** The time that ages are reckoned in, where receipts of a slot lie. */
  async timeAt(slot: Slot): Promise<number> {
    const announced = this.store.keys.announced(slot);
    const { timeMs, clockMs } = await this.#read(announced, [announced]);
    return Math.max(timeMs, clockMs);
  }

  #group<Item extends Keyed>(updates: readonly Item[], operationOf: (update: Item) => Operation): Group[] {
    const { keys, layouts } = this.store;
    const groups = new Map<Slot, Group>();
    for (const [index, update] of updates.entries()) {
      const { idempotencyKey: key, idempotencyOwner: owner, slot: own, params } = update;
      if (key !== undefined) {
        const slot = layouts.receipts.slotFor(own);
        const group = groups.get(slot) ?? { slot, receipts: [] };
        groups.set(slot, group);
        const operation = operationOf(update);
        const name = { owner, operation: operation.name, key };
        group.receipts.push({ index, key: keys.idempotencyReceipt(name, slot), operation, params });
      }
    }
    return [...groups.values()];
  }

  /** Jobs that leave in one turn of the event loop are looked up together: what costs is the round trip, not the keys. */
  async #gather({ slot, receipts }: Group): Promise<Found> {
    const { keys, found } = (this.#gathered ??= this.#beginGathering());
    const ofSlot = keys.get(slot) ?? [];
    keys.set(slot, ofSlot);
    const first = ofSlot.length;
    ofSlot.push(...receipts.map(({ key }) => key));
    const answer = (await found).get(slot);
    if (answer === undefined) {
      throw new Error(`slot ${slot} was not looked at`);
    }
    const { atMs, texts } = await answer;
    return { atMs, texts: texts.slice(first, first + receipts.length) };
  }

  #beginGathering(): Gathered {
    const keys = new Map<Slot, string[]>();
    const look = () => {
      this.#gathered = undefined;
      return this.#lookInAll([...keys].map(([slot, ofSlot]) => this.#placeOf(slot, ofSlot)));
    };
    return { keys, found: setImmediate().then(look) };
  }

  #placeOf(slot: Slot, keys: readonly string[]): Place {
    const before = this.confirmation.isNeeded ? this.confirmation.before([slot]) : undefined;
    return { slot, announced: this.store.keys.announced(slot), keys, before };
  }

  /** By one call for each master, where that can be. Each slot has its own answer: one master may be away. */
  #lookInAll(places: readonly Place[]): Map<Slot, Promise<Found>> {
    const crossSlot = this.#crossSlot;
    const found = new Map<Slot, Promise<Found>>();
    const asked = crossSlot.ask(places, {
      together: (master, ofMaster) => readOfMaster(crossSlot, master, ofMaster, this.windowMs),
      alone: (place) => this.#lookAlone(place),
    });
    for (const { places: asWhole, settled } of asked) {
      for (const [index, at] of asWhole.entries()) {
        const place = places[at];
        if (place !== undefined) {
          found.set(place.slot, this.#confirmed(place, settled, index));
        }
      }
    }
    return found;
  }

  async #confirmed(
    { before }: Place,
    settled: Promise<readonly PromiseSettledResult<Found>[]>,
    index: number,
  ): Promise<Found> {
    const [found] = valuesOf((await settled).slice(index, index + 1)) as [Found];
    if (before !== undefined && found.texts.some((text) => text !== null)) {
      await this.confirmation.confirmRead(before, this.store.keys); // the worker that recorded it may be waiting for that still
    }
    return found;
  }

  async #lookAlone({ announced, keys }: Place): Promise<Found> {
    await this.#announceWindow(announced);
    const batches = this.store.layouts.receipts.readableTogether(keys);
    const readings = await Promise.all(batches.map((batch) => this.#lookSoundly(announced, batch)));
    return { atMs: Math.min(...readings.map(({ atMs }) => atMs)), texts: readings.flatMap(({ texts }) => texts) };
  }

  /** Once more where the time is much later than any that was announced, or the look-up came much later than the time. */
  async #lookSoundly(announced: string, receiptKeys: readonly string[]): Promise<Found> {
    for (;;) {
      const { clockMs, timeMs, endedMs, texts } = await this.#read(announced, receiptKeys);
      const atMs = Math.max(timeMs, clockMs);
      if (atMs > clockMs + CLOCK_STEP_MS) {
        await announceClock(this.store.redis, announced, atMs);
      } else if (endedMs <= atMs + CLOCK_STEP_MS) {
        return { atMs, texts };
      }
    }
  }

  /** Before its first use; and now and then, in case someone has removed it. */
  async #announceWindow(key: string): Promise<void> {
    if (performance.now() - (this.#announced.get(key) ?? -Infinity) > ANNOUNCE_EVERY_MS) {
      await announceWindow(this.store.redis, key, this.windowMs);
      this.#announced.set(key, performance.now());
    }
  }
}

function recordedOf(receipts: readonly KeyReceipt[], texts: Found['texts']): [index: number, recorded: Recorded][] {
  return receipts.flatMap(({ index, operation, params }, place) => {
    const found = readKeyReceipt(texts[place] ?? null, operation, params);
    return found === undefined ? [] : [[index, found]];
  });
}

/** What a key's receipt says of an update that has the key. @returns undefined for none, or one that can't be read here */
export function readKeyReceipt(receipt: string | null, operation: Operation, params: unknown): Recorded | undefined {
  const decoded = decodeKeyReceipt(receipt);
  if (decoded === undefined || decoded.form > FORM) {
    return undefined; // a worker will see to it
  }
  const { fingerprint: firstFingerprint, updateId, outcome } = decoded;
  return { updateId, outcome: firstFingerprint === fingerprint(operation, params) ? asDuplicate(outcome) : CONFLICT };
}
