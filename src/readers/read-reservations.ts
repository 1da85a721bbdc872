import { cellName, HoldCell } from '../redis/cell.js';
import type { Cell } from '../redis/cell.js';
import type { Connection } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { toMs } from '../redis/server-time.js';
import { slotOf } from '../redis/slots.js';

/** Stock that is held for somebody. */
export interface Reservation {
  readonly reservation: string;
  readonly quantity: number;
  /** From then on it counts as released, e.g. `2026-11-27T10:00:00.000Z`. */
  readonly expiresAt: string;
}

/** What is held of a stock. */
export interface Reservations extends Cell {
  /** By all open reservations together. */
  readonly held: number;
  /** How many are open. */
  readonly total: number;
  /** Those that were asked for, the one that ends first in front. */
  readonly reservations: readonly Reservation[];
}

export interface ReservationsPage {
  /** 1 to 1,000. @defaultValue 100 */
  readonly limit?: number | undefined;
  /** How many to leave out. @defaultValue 0 */
  readonly offset?: number | undefined;
}

const READ_AT_ONCE = 1_000;

/**
 * Reads the open reservations of a stock. By Redis' time: what is over is not among them, whether its stock was given back yet or
 * not. What changes while it reads may be there by half: a reservation that has just ended is left out.
 *
 * @param stock of one that nobody has reserved, nothing is held
 */
export async function readReservations(
  redis: Connection,
  keys: Pick<Keys, 'hold'>,
  stock: Cell,
  { limit = 100, offset = 0 }: ReservationsPage = {},
): Promise<Reservations> {
  const [total, quantities, ends] = (['total', 'quantity', 'end'] as const).map(
    (part) => keys.hold(new HoldCell(stock, part)).key,
  ) as [string, string, string];
  const nowMs = toMs(await (redis.masterOf(slotOf(stock.key)) ?? redis).time());
  const after = `(${nowMs}`;
  const [inAll, over, count, page] = await Promise.all([
    redis.get(total),
    redis.zrangebyscore(ends, '-inf', nowMs),
    redis.zcount(ends, after, '+inf'),
    redis.zrangebyscore(ends, after, '+inf', 'WITHSCORES', 'LIMIT', offset, limit),
  ]);
  const names = page.filter((_, place) => place % 2 === 0);
  const [ofOver, ofPage] = [
    await readQuantities(redis, quantities, over),
    await readQuantities(redis, quantities, names),
  ];
  return {
    ...cellName(stock),
    held: Number(inAll ?? 0) - ofOver.reduce<number>((sum, quantity) => sum + (quantity ?? 0), 0),
    total: count,
    reservations: names.flatMap((reservation, place) => {
      const quantity = ofPage[place];
      const expiresAt = new Date(Number(page[2 * place + 1])).toISOString();
      return quantity === undefined ? [] : [{ reservation, quantity, expiresAt }];
    }),
  };
}

async function readQuantities(redis: Connection, key: string, names: readonly string[]) {
  const quantities: (number | undefined)[] = [];
  for (let first = 0; first < names.length; first += READ_AT_ONCE) {
    const texts = await redis.hmget(key, ...names.slice(first, first + READ_AT_ONCE));
    quantities.push(...texts.map((text) => (text === null ? undefined : Number(text))));
  }
  return quantities;
}
