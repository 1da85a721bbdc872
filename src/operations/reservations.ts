import { z } from 'zod';
import { cellName, describeCell, HoldCell } from '../redis/cell.js';
import type { Cell } from '../redis/cell.js';
import { luaSource } from '../redis/lua-source.js';
import { heldCellObject, listOf, name, wholeNumber } from './cell-schema.js';
import { defineOperation } from './operation.js';
import type { Step } from './operation.js';
import { TRANSACTION, TRANSACTIONS } from './transaction.js';
import type { TransactionParams } from './transaction.js';
import { unlessGiven } from './without-defaults.js';

/** Stock is held for somebody until he pays, walks away, or takes too long. */

const lua = luaSource('plans/reservations');

const quantity = wholeNumber({ min: 1 });
const reservation = name('reservation', 128);
const available = z.int();
const expiresAt = z.iso.datetime();

/** Seconds that stock is held: 1 to 30 days. */
const lifeOfHold = wholeNumber({ min: 1, max: 30 * 24 * 3600 });

/** How long it can be told how a reservation ended: as long as idempotency keys are remembered unless told otherwise. */
const CLOSED_SECONDS = 24 * 3600;

interface Reservation extends Cell {
  readonly reservation: string;
}

function cellsOf(params: Reservation): Cell[] {
  const stock = cellName(params);
  const { reservation } = params;
  return [
    stock,
    new HoldCell(stock, 'total'),
    new HoldCell(stock, 'quantity', reservation),
    new HoldCell(stock, 'end', reservation),
    new HoldCell(stock, 'closing', reservation),
  ];
}

/** Only what tells how a reservation ended has a life. */
const CLOSING_OF_ONE = { ttlSeconds: () => CLOSED_SECONDS, ttlFrom: () => 4 };

const timeText = (ms: number) => new Date(ms).toISOString();

const nameOf = (params: Reservation) => `the reservation "${params.reservation}" of ${describeCell(params)}`;

/** Why nothing can be done to a reservation. */
const closed = {
  ALREADY_CONFIRMED: (_: readonly number[], params: Reservation) => ({ message: `${nameOf(params)} was confirmed` }),
  ALREADY_RELEASED: (_: readonly number[], params: Reservation) => ({ message: `${nameOf(params)} was released` }),
  EXPIRED: (_: readonly number[], params: Reservation) => ({
    message: `${nameOf(params)} took too long, and what it held can be sold to others: reserve anew`,
  }),
  UNKNOWN_RESERVATION: (_: readonly number[], params: Reservation) => ({
    message: `there is no ${nameOf(params).slice('the '.length)}, or it ended more than a day ago`,
  }),
};

/**
 * Takes stock off and holds it under a name for `ttlSeconds`, until it is confirmed or released; after that it goes back by
 * itself. `min` must be left of the stock: below 0 allows backorders. A name that is held already is rejected with
 * `RESERVATION_EXISTS`, or with `replace` gets this quantity and time.
 */
export const inventoryReserve = defineOperation({
  name: 'inventory.reserve',
  queue: 'inventory',
  description: 'Takes stock off and holds it under a name, until it is confirmed, released, or its time is over.',
  params: heldCellObject({
    /** How much to hold, 1 or more. */
    quantity,
    /** Its name, such as the cart's or the order's number: 1 to 128 bytes. */
    reservation,
    /** How long it is held: 1 second to 30 days. */
    ttlSeconds: lifeOfHold,
    /** What must be left of the stock; below 0 it allows backorders. @defaultValue 0 */
    min: unlessGiven(wholeNumber(), 0),
    /** Whether one of this name gets this quantity and time; else it is rejected with `RESERVATION_EXISTS`. @defaultValue false */
    replace: unlessGiven(z.boolean({ error: 'must be true or false' }), false),
  }),
  cells: cellsOf,
  args: ({ quantity, ttlSeconds, min = 0, replace = false }) => [quantity, ttlSeconds, min, replace],
  ...CLOSING_OF_ONE,
  lua,
  resultSchema: z.object({ available, held: z.int(), expiresAt }),
  result: ([available = 0, held = 0, endMs = 0]) => ({ available, held, expiresAt: timeText(endMs) }),
  rejections: {
    RESERVATION_EXISTS: ([held = 0, endMs = 0], params) => ({
      message: `${nameOf(params)} holds ${held} until ${timeText(endMs)}: take another name, or change it with "replace": true`,
      held,
      expiresAt: timeText(endMs),
    }),
    INSUFFICIENT_STOCK: ([available = 0], params) => ({
      message:
        `${describeCell(params)} has ${available} in stock, ${params.quantity} wanted` +
        (params.min === undefined || params.min === 0 ? '' : `, and ${params.min} must be left`),
      short: [{ ...cellName(params), quantity: params.quantity, available }],
    }),
  },
});

/** Holds a reservation for `ttlSeconds` from now on. */
export const inventoryExtend = defineOperation({
  name: 'inventory.extend',
  queue: 'inventory',
  description: 'Holds a reservation for so much longer from now on.',
  params: heldCellObject({ reservation, ttlSeconds: lifeOfHold }),
  cells: cellsOf,
  args: ({ ttlSeconds }) => [ttlSeconds],
  ...CLOSING_OF_ONE,
  lua,
  resultSchema: z.object({ held: z.int(), expiresAt }),
  result: ([held = 0, endMs = 0]) => ({ held, expiresAt: timeText(endMs) }),
  rejections: closed,
});

/** Sells what is held, or a part of it: the rest goes back. */
export const inventoryConfirm = defineOperation({
  name: 'inventory.confirm',
  queue: 'inventory',
  description: 'Sells what a reservation holds, or a part of it: the rest goes back.',
  params: heldCellObject({ reservation, quantity: quantity.optional() }),
  cells: cellsOf,
  args: ({ quantity }) => [quantity],
  ...CLOSING_OF_ONE,
  lua,
  resultSchema: z.object({ confirmed: z.int(), available }),
  result: ([confirmed = 0, available = 0]) => ({ confirmed, available }),
  rejections: {
    ...closed,
    INSUFFICIENT_STOCK: ([held = 0], params) => ({
      message: `${nameOf(params)} holds ${held}, ${params.quantity} were to be confirmed`,
      short: [{ ...cellName(params), quantity: params.quantity ?? 0, available: held }],
    }),
  },
});

/** Gives back what is held. */
export const inventoryRelease = defineOperation({
  name: 'inventory.release',
  queue: 'inventory',
  description: 'Gives back what a reservation holds.',
  params: heldCellObject({ reservation }),
  cells: cellsOf,
  ...CLOSING_OF_ONE,
  lua,
  resultSchema: z.object({ released: z.int(), available }),
  result: ([released = 0, available = 0]) => ({ released, available }),
  rejections: closed,
});

/** How many reservations one `inventory.expire` may name. */
export const MAX_EXPIRED_AT_ONCE = 100;

/**
 * Gives back what those of the reservations hold that are over by Redis' time, and leaves the others alone. Workers send it
 * themselves, when it is time; in a queue of its own, so that no stock is given back late since other updates wait.
 */
export const inventoryExpire = defineOperation({
  name: 'inventory.expire',
  queue: 'expiries',
  description: 'Gives back what those of these reservations hold that are over; workers send it by themselves.',
  params: heldCellObject({
    reservations: listOf(reservation, 'reservations', { max: MAX_EXPIRED_AT_ONCE }).refine(
      (names) => new Set(names).size === names.length,
      'must name each reservation once',
    ),
  }),
  cells: (params) => {
    const stock = cellName(params);
    const { reservations } = params;
    return [
      stock,
      new HoldCell(stock, 'total'),
      ...reservations.flatMap((it) => [new HoldCell(stock, 'quantity', it), new HoldCell(stock, 'end', it)]),
      ...reservations.map((it) => new HoldCell(stock, 'closing', it)),
    ];
  },
  ttlSeconds: () => CLOSED_SECONDS,
  ttlFrom: ({ reservations }) => 2 + 2 * reservations.length,
  lua,
  resultSchema: z.object({ released: z.int(), available }),
  result: ([released = 0, available = 0]) => ({ released, available }),
});

/** Why operators can't remove, put off or cancel such jobs: they are Tally's own upkeep. */
export const GIVES_BACK = `${inventoryExpire.name} gives back what reservations hold, and without it stock would stay held`;

/** Whether a job is Tally's own upkeep, by the name of its operation. */
export function isUpkeep(operation: string): boolean {
  return operation === inventoryExpire.name;
}

const HOLDING: ReadonlySet<string> = new Set([inventoryReserve.name, inventoryExtend.name, inventoryExpire.name]);

/** The queues to be served with these: whoever may hold stock gives it back. */
export function withExpiries(queues: readonly string[]): readonly string[] {
  const mayHold = queues.includes(inventoryReserve.queue) || queues.includes(TRANSACTIONS);
  return mayHold ? [...new Set([...queues, inventoryExpire.queue])] : queues;
}

/** Whether a job may leave something held: told without a closer look, since most jobs do not. */
export function mayHold(operation: string, data: unknown): boolean {
  if (operation !== TRANSACTION) {
    return HOLDING.has(operation);
  }
  const { updates } = (data ?? {}) as { updates?: unknown };
  return Array.isArray(updates) && updates.some(holdsInside); // somebody may have edited it
}

function holdsInside(params: unknown): boolean {
  const { updates } = (params ?? {}) as Partial<TransactionParams>;
  return Array.isArray(updates) && updates.some(({ operation }) => HOLDING.has(operation));
}

/** What an applied step left held. */
export interface Holds {
  readonly stock: Cell;
  readonly reservations: readonly string[];
  /** The earliest end. */
  readonly endMs: number;
}

/** @param numbers what its plan returned. @returns undefined for a step that left nothing held */
export function holdsOf({ operation, params }: Step, numbers: readonly number[]): Holds | undefined {
  const { reservation, reservations } = params as { reservation: string; reservations: readonly string[] };
  const stock = cellName(params as Cell);
  const [, second, third] = numbers;
  switch (operation) {
    case inventoryReserve.name:
      return third === undefined ? undefined : { stock, reservations: [reservation], endMs: third };
    case inventoryExtend.name:
      return second === undefined ? undefined : { stock, reservations: [reservation], endMs: second };
    case inventoryExpire.name:
      return third === undefined ? undefined : { stock, reservations, endMs: third };
    default:
      return undefined;
  }
}
