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
import type { ReplicaConfirmation } from '../redis/replicas.js';
import type { Slot } from '../redis/slots.js';
import { readByPipeline, readByScript } from './read-key-receipts.js';
import type { ReadReceipts } from './read-key-receipts.js';

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

/** What was found in one slot: Redis' time before, and the texts of receipts. */
interface Found {
  readonly atMs: number;
  readonly texts: readonly (string | null)[];
}

/** The receipts to look at together. */
interface Gathered {
  readonly keys: string[];
  readonly found: Promise<Found>;
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
  /** What is to be looked at when this turn of the event loop ends, by slot. */
  readonly #gathered = new Map<Slot, Gathered>();
  readonly #read: ReadReceipts;

  constructor(
    private readonly store: Pick<Store, 'redis' | 'keys' | 'layouts'>,
    private readonly windowMs: number,
    private readonly confirmation: ReplicaConfirmation,
  ) {
    this.#read = store.layouts.receipts.scriptsMayRead ? readByScript(store.redis) : readByPipeline(store.redis);
  }

  /** @throws NotReplicatedError when something is recorded, and too few replicas confirm it */
  async look<Item extends Keyed>(updates: readonly Item[], operationOf: (update: Item) => Operation): Promise<LookUp> {
    const groups = this.#group(updates, operationOf);
    const readings = await Promise.all(groups.map((group) => this.#gather(group)));
    const recorded = groups.flatMap(({ receipts }, place) => recordedOf(receipts, readings[place]?.texts ?? []));
    return {
      sentAtMs: groups.length === 0 ? undefined : Math.min(...readings.map(({ atMs }) => atMs)),
      recorded: new Map(recorded),
    };
  }

  /** The indexes of the updates whose idempotency keys are recorded for other updates. */
  async findConflicts(updates: readonly CheckedUpdate[]): Promise<number[]> {
    const { recorded } = await this.look(updates, ({ operation }) => operation);
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
    return slot === undefined ? undefined : (await this.#lookAt(slot, [keys.idempotencyReceipt(name, slot)])).texts[0];
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
    let gathered = this.#gathered.get(slot);
    if (gathered === undefined) {
      const keys: string[] = [];
      const look = () => {
        this.#gathered.delete(slot);
        return this.#lookAt(slot, keys);
      };
      gathered = { keys, found: setImmediate().then(look) };
      this.#gathered.set(slot, gathered);
    }
    const first = gathered.keys.length;
    gathered.keys.push(...receipts.map(({ key }) => key));
    const { atMs, texts } = await gathered.found;
    return { atMs, texts: texts.slice(first, first + receipts.length) };
  }

  async #lookAt(slot: Slot, receiptKeys: readonly string[]): Promise<Found> {
    const { keys, layouts } = this.store;
    const announced = keys.announced(slot);
    await this.#announceWindow(announced);
    const before = this.confirmation.isNeeded && this.confirmation.before([slot]);
    const batches = layouts.receipts.readableTogether(receiptKeys);
    const readings = await Promise.all(batches.map((batch) => this.#lookSoundly(announced, batch)));
    const texts = readings.flatMap((reading) => reading.texts);
    if (before && texts.some((text) => text !== null)) {
      await this.confirmation.confirmRead(before, keys); // the worker that recorded it may be waiting for that still
    }
    return { atMs: Math.min(...readings.map(({ atMs }) => atMs)), texts };
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
