import { drawBuyer, FollowUps } from './checkout.js';
import type { Checkout, Drawn } from './checkout.js';
import type { Cells } from './cells.js';
import { FAMILIES } from './cells.js';
import { createEvent } from './event.js';
import type { LoadEvent } from './event.js';
import { createRandom } from './random.js';
import type { Random } from './random.js';
import { withCount } from './own-operation.js';
import type { OwnOperation } from './own-operation.js';
import type { Family } from './result.js';
import { zipf } from './zipf.js';

/** What the updates of a load are like. */
export interface TrafficShape {
  readonly seed: number;
  readonly runId: string;
  readonly mix: Readonly<Record<Family, number>>;
  readonly own?: OwnOperation | undefined;
  readonly keys: number;
  readonly skew: number;
  readonly idempotentShare: number;
  /** Times that each update is sent. */
  readonly sendings: number;
  /** Sendings at most. */
  readonly updateLimit: number;
  readonly taking: Taking;
  /** What buyers do who reserve in place of taking; one counts as one of the updates, whatever he sends. */
  readonly checkout?: Checkout | undefined;
}

/** How stock is taken. */
export interface Taking {
  /** Units of each stock at the start. */
  readonly stock: number;
  /** Units that one update takes at most. */
  readonly quantity: number;
  /** What happens when there are too few; `mixed` is one or the other. */
  readonly whenShort: 'floor' | 'reject' | 'mixed';
}

/** Updates that wait to be sent once more, so that other updates lie between both sendings. */
const MAX_REPEATS_WAITING = 500;

/** Draws the updates of a load, each from the seed and the draws before. */
export class Traffic {
  readonly #random: Random;
  readonly #nextIndex: () => number;
  readonly #repeats: LoadEvent[] = [];
  readonly #followUps = new FollowUps();
  #drawn = 0;
  #sent = 0;
  #ended = false;

  constructor(
    private readonly shape: TrafficShape,
    private readonly cells: Cells,
  ) {
    this.#random = createRandom(shape.seed);
    this.#nextIndex = zipf(shape.keys, shape.skew, this.#random);
  }

  /** Whether nothing is left to send. */
  get isOver(): boolean {
    return this.#repeats.length === 0 && !this.#mayDraw && this.#followUps.isOver;
  }

  /** No further update is drawn; what has been sent is still repeated. */
  end(): void {
    this.#ended = true;
  }

  /** Tells what became of an event: what is sent next may depend on it. */
  decided(event: LoadEvent, isApplied: boolean): void {
    this.#followUps.decide(event, isApplied);
  }

  /** The event to send next; undefined when it is over, or until more is decided. */
  next(): LoadEvent | undefined {
    const followUp = this.#followUps.next();
    if (followUp !== undefined) {
      followUp.sendingsLeft -= 1;
      return followUp;
    }
    const waiting = this.#repeats.length;
    const repeat = waiting > 0 && (!this.#mayDraw || waiting >= MAX_REPEATS_WAITING || this.#random.int(0, 1) === 1);
    const event = repeat ? this.#takeRepeat() : this.#mayDraw ? this.#draw() : undefined;
    if (event === undefined) {
      return undefined;
    }
    this.#sent += 1;
    event.sendingsLeft -= 1;
    if (event.sendingsLeft > 0) {
      this.#repeats.push(event);
    }
    return event;
  }

  /** The updates that give each stock what is to be taken of it. */
  *stocking(): Generator<LoadEvent> {
    if (this.shape.mix.inventory === 0) {
      return;
    }
    const { stock: quantity } = this.shape.taking;
    for (let index = 0; index < this.shape.keys; index += 1) {
      const { cell, change } = this.#cell('inventory', index, quantity);
      const update = { operation: 'inventory.restock', params: { ...cell, quantity } };
      yield createEvent({ family: 'inventory', update, changes: [change] }, 1);
    }
  }

  get #mayDraw(): boolean {
    return !this.#ended && this.#sent + this.#repeats.length < this.shape.updateLimit;
  }

  #takeRepeat(): LoadEvent | undefined {
    const place = this.#random.int(0, this.#repeats.length - 1);
    const [event] = this.#repeats.splice(place, 1);
    return event;
  }

  #draw(): LoadEvent {
    const { idempotentShare, sendings, runId } = this.shape;
    const family = this.#family();
    this.#drawn += 1;
    const { operation, params, changes, then } = this.#updateOf(family);
    const isKeyed = sendings > 1 || this.#random.fraction() < idempotentShare;
    // No colon: a plain BullMQ queue takes the key as the job's id.
    const idempotencyKey = isKeyed ? `load-${runId}-${this.#drawn}` : undefined;
    const event = createEvent({ family, update: { operation, params, idempotencyKey }, changes }, sendings);
    if (operation === 'inventory.reserve') {
      const next = then && {
        family,
        update: { operation: then.operation, params: then.params },
        changes: then.changes,
      };
      this.#followUps.expect(event, next && createEvent(next, 1));
    }
    return event;
  }

  #family(): Family {
    let left = this.#random.fraction();
    for (const family of FAMILIES) {
      left -= this.shape.mix[family];
      if (left < 0) {
        return family;
      }
    }
    return FAMILIES.find((family) => this.shape.mix[family] > 0) ?? 'counter';
  }

  #updateOf(family: Family): Drawn & { readonly then?: Drawn | undefined } {
    const index = this.#nextIndex();
    switch (family) {
      case 'counter': {
        const { own } = this.shape;
        if (own !== undefined) {
          const { cell, change } = this.#cell(family, index, 1);
          return { ...withCount(own, index, cell), changes: [change] };
        }
        const by = this.#random.int(1, 9);
        const { cell, change } = this.#cell(family, index, by);
        return { operation: 'counter.increment', params: { ...cell, by }, changes: [change] };
      }
      case 'inventory': {
        const { taking, checkout, runId } = this.shape;
        if (checkout !== undefined) {
          const number = this.cells.numberOf(family, index);
          const at = { cell: this.cells.cell(number), number };
          const { reserve, then } = drawBuyer(this.#random, checkout, at, `${runId}-${this.#drawn}`);
          return { ...reserve, then };
        }
        const { quantity: most, whenShort } = taking;
        const quantity = this.#random.int(1, most);
        const { cell, change } = this.#cell(family, index, -quantity);
        const how = whenShort === 'mixed' ? (['floor', 'reject'] as const)[this.#random.int(0, 1)] : whenShort;
        return { operation: 'inventory.take', params: { ...cell, quantity, whenShort: how }, changes: [change] };
      }
      case 'xp': {
        const amount = this.#random.int(1, 50);
        const { cell, change } = this.#cell(family, index, amount);
        return { operation: 'xp.award', params: { ...cell, amount }, changes: [change] };
      }
      case 'scores': {
        const pair = [this.#cell(family, index, 3), ...this.#loser(index)];
        const entries = pair.map(({ cell, change: { by } }) => ({ ...cell, by }));
        return { operation: 'scores.add', params: { entries }, changes: pair.map(({ change }) => change) };
      }
    }
  }

  /** The other one of a pair; a player alone has none. */
  #loser(winner: number) {
    const loser = this.cells.opponentOf(winner, this.#nextIndex());
    return loser === undefined ? [] : [this.#cell('scores', loser, 1)];
  }

  #cell(family: Family, index: number, by: number) {
    const number = this.cells.numberOf(family, index);
    return { cell: this.cells.cell(number), change: { cell: number, by } };
  }
}
