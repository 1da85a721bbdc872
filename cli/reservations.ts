import type { ReservationsOptions } from '../src/index.js';
import { numberIn } from '../src/lib/number-in.js';
import { withReader } from './with-reader.js';

export interface ReservationsFlags {
  readonly field?: string;
  readonly member?: string;
  readonly limit?: string;
  readonly offset?: string;
  /** Those of the user's own, which every command takes. */
  readonly operations?: string;
  readonly json?: true;
}

/** `tally inventory reservations`: prints the open reservations of a stock, those that end first in front. */
export async function printReservations(
  key: string,
  { json, operations: _, limit, offset, ...cell }: ReservationsFlags,
): Promise<void> {
  const page = {
    ...(limit !== undefined && { limit: numberIn(limit) }),
    ...(offset !== undefined && { offset: numberIn(offset) }),
  };
  const found = await withReader((reader) => reader.reservations(key, { ...cell, ...page } as ReservationsOptions));
  if (json) {
    console.log(JSON.stringify(found));
    return;
  }
  for (const { reservation, quantity, expiresAt } of found.reservations) {
    console.log(`${reservation} ${quantity} until ${expiresAt}`);
  }
  console.log(`${found.held} held by ${found.total} ${found.total === 1 ? 'reservation' : 'reservations'}`);
}
