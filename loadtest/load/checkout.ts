import { setTimeout as pause } from 'node:timers/promises';
import type { Cell } from '../../src/index.js';
import { HoldCell } from '../../src/redis/cell.js';
import type { RedisClient } from '../../src/redis/connection.js';
import type { Keys } from '../../src/redis/keys.js';
import type { Change, LoadEvent } from './event.js';
import type { Random } from './random.js';

/** What buyers do who have reserved an article; the rest walks away. */
export interface Checkout {
  readonly pay: number;
  readonly giveBack: number;
}

/** Longer than a load lasts, for those who come back; and as short as can be for those who don't. */
const HOLD_SECONDS = 3_600;
const WALK_SECONDS = 2;

const LOOK_MS = 100;

/** An update, and what it does to its cells when it is applied. */
export interface Drawn {
  readonly operation: string;
  readonly params: unknown;
  readonly changes: Change[];
}

/** What a buyer sends first, and what he sends when he holds the article, unless he walks away. */
export function drawBuyer(
  random: Random,
  { pay, giveBack }: Checkout,
  { cell, number }: { readonly cell: Cell; readonly number: number },
  reservation: string,
): { reserve: Drawn; then: Drawn | undefined } {
  const draw = random.fraction();
  const verb = draw < pay ? 'confirm' : draw < pay + giveBack ? 'release' : undefined;
  const ttlSeconds = verb === undefined ? WALK_SECONDS : HOLD_SECONDS;
  const reserve = {
    operation: 'inventory.reserve',
    params: { ...cell, quantity: 1, reservation, ttlSeconds },
    changes: [{ cell: number, by: verb === undefined ? 0 : -1 }], // of one who walks away it comes back by itself
  };
  if (verb === undefined) {
    return { reserve, then: undefined };
  }
  const changes = [{ cell: number, by: verb === 'release' ? 1 : 0 }];
  return { reserve, then: { operation: `inventory.${verb}`, params: { ...cell, reservation }, changes } };
}

/** What buyers send next, by what they sent first. */
export class FollowUps {
  readonly #waiting = new Map<LoadEvent, LoadEvent | undefined>();
  readonly #ready: LoadEvent[] = [];

  expect(first: LoadEvent, then: LoadEvent | undefined): void {
    this.#waiting.set(first, then);
  }

  /** @param isApplied whether the buyer holds the article */
  decide(first: LoadEvent, isApplied: boolean): void {
    const then = this.#waiting.get(first);
    this.#waiting.delete(first);
    if (isApplied && then !== undefined) {
      this.#ready.push(then);
    }
  }

  next(): LoadEvent | undefined {
    return this.#ready.shift();
  }

  get isOver(): boolean {
    return this.#waiting.size === 0 && this.#ready.length === 0;
  }
}

/**
 * Waits until nothing of a stock is held any more.
 *
 * @returns what is still held when the time is over
 */
export async function untilNothingHeld(
  redis: RedisClient,
  keys: Pick<Keys, 'hold'>,
  stock: Cell,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<number> {
  const { key } = keys.hold(new HoldCell(stock, 'total'));
  const endsAt = performance.now() + timeoutMs;
  for (;;) {
    const held = Number(await redis.get(key));
    if (held === 0 || performance.now() > endsAt || signal.aborted) {
      return held;
    }
    await pause(LOOK_MS);
  }
}
