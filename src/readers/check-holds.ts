import { cellId, HoldCell, parseCellId } from '../redis/cell.js';
import type { Cell } from '../redis/cell.js';
import type { Connection } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { luaSource } from '../redis/lua-source.js';
import { untilMastersKnown } from '../redis/masters.js';

/** What is held of a stock, compared with its reservations. */
export interface CheckedHolds {
  readonly stock: Cell;
  /** As the cell says that keeps it. */
  readonly held: number;
  /** By all reservations together. */
  readonly sum: number;
  readonly withoutEnd: number;
  readonly endsWithoutReservation: number;
  /** How many are over for longer than workers need, and still held. */
  readonly over: number;
  /** Redis' time, in ms. */
  readonly atMs: number;
}

/** What is over for as long is over for too long, in ms: workers give back within 2 s. */
export const GRACE_MS = 5_000;

const READ_AT_ONCE = 500;

const script = luaSource('check-holds');

/** The stock of a key of `Keys.hold`; undefined for another one. */
export function stockOfHold(key: string): Cell | undefined {
  const [, id = ''] = /^[^{]*\{[^}]*\}:(?:held|holds|hold-ends):(.*)$/s.exec(key) ?? [];
  const stock = parseCellId(id);
  return stock?.key === '' ? undefined : stock;
}

/** The stocks of which something is held, or was left behind. */
export async function* stocksWithHolds(redis: Connection, keys: Pick<Keys, 'holdsPattern'>): AsyncGenerator<Cell> {
  const seen = new Set<string>();
  await untilMastersKnown(redis);
  for (const master of redis.masters()) {
    for await (const found of master.scanStream({ match: keys.holdsPattern('all'), count: 1_000 }) as AsyncIterable<
      string[]
    >) {
      for (const key of found) {
        const stock = stockOfHold(key);
        const id = stock && cellId(stock);
        if (stock !== undefined && id !== undefined && !seen.has(id)) {
          seen.add(id);
          yield stock;
        }
      }
    }
  }
}

/** @param mend whether to make it right. What is over then has an end, and `inventory.expire` gives it back */
export async function checkHolds(
  redis: Connection,
  keys: Pick<Keys, 'hold'>,
  stock: Cell,
  mend: boolean,
): Promise<CheckedHolds> {
  const names = (['total', 'quantity', 'end'] as const).map((part) => keys.hold(new HoldCell(stock, part)).key);
  const answer = await redis.eval(script, names.length, ...names, mend ? 'mend' : 'look', GRACE_MS);
  const [held, sum, withoutEnd, endsWithoutReservation, over, atMs] = answer as string[];
  return {
    stock,
    held: Number(held),
    sum: Number(sum),
    withoutEnd: Number(withoutEnd),
    endsWithoutReservation: Number(endsWithoutReservation),
    over: Number(over),
    atMs: Number(atMs),
  };
}

/** Whether cell and reservations agree, and nothing is held for too long. */
export function isConsistent({ held, sum, withoutEnd, endsWithoutReservation, over }: CheckedHolds): boolean {
  return held === sum && withoutEnd === 0 && endsWithoutReservation === 0 && over === 0;
}

/** The names of the reservations of a stock that are over at a time, in ms, some hundreds at a time. */
export async function* overHolds(
  redis: Connection,
  keys: Pick<Keys, 'hold'>,
  { stock, atMs }: Pick<CheckedHolds, 'stock' | 'atMs'>,
): AsyncGenerator<string[]> {
  const { key } = keys.hold(new HoldCell(stock, 'end'));
  let cursor = '0';
  do {
    const [next, found] = await redis.zscan(key, cursor, 'COUNT', READ_AT_ONCE);
    cursor = next;
    yield found.filter((_, index) => index % 2 === 0 && Number(found[index + 1]) <= atMs);
  } while (cursor !== '0');
}
