import { TallyError } from '../errors.js';
import { NO_SLOT } from '../redis/slots.js';
import type { Slot } from '../redis/slots.js';
import { compareIds, MAX_PART } from '../redis/stream-ids.js';

/** Behind an update in a stream. */
export interface Position {
  /** Of the entry in the stream. */
  readonly entryId: string;
  /** How many updates of that entry lie before this position, told or not. */
  readonly index: number;
  /**
   * The number of the last update before this position: all that are ever told count through. Undefined where it is not known: at the
   * {@link BEGINNING}, and at a time before all that is held.
   */
  readonly number: number | undefined;
}

/** Before all that a stream holds, whatever that is. */
export const BEGINNING: Position = { entryId: '0-0', index: 0, number: undefined };

/** Before the first update that was ever told in a stream. */
export const FIRST: Position = { ...BEGINNING, number: 0 };

/** How far somebody has come in each stream, by its slot: one server has one stream, a Cluster several. */
export interface Cursor {
  readonly positions: ReadonlyMap<Slot, Position>;
  /** In streams that it does not name. {@link FIRST}, but for who asks for what is held: those are new. */
  readonly elsewhere: Position;
}

/** A cursor: opaque to whoever keeps it, printable without spaces; at most 120 characters on one server, on a Cluster for each stream. */
export function encodeCursor({ positions, elsewhere }: Cursor): string {
  const ofServer = positions.get(NO_SLOT);
  if (ofServer !== undefined) {
    const { entryId, index, number } = ofServer;
    return toBase64(`1 ${entryId} ${index} ${number ?? '-'}`);
  }
  const parts = [...positions]
    .sort(([one], [other]) => Number(one) - Number(other))
    .map(([slot, { entryId, index, number }]) => `${slot}:${entryId}:${index}:${number ?? '-'}`);
  return toBase64(['2', elsewhere.number ?? '-', ...parts].join(' '));
}

const OF_SERVER = /^1 (\d{1,20}-\d{1,20}) (\d{1,9}) (\d{1,16}|-)$/;
const OF_CLUSTER = /^2 (0|-)((?: \d{1,5}:\d{1,20}-\d{1,20}:\d{1,9}:(?:\d{1,16}|-))*)$/;

/** @throws TallyError `INVALID_CURSOR` for a text that is none, or one of a newer version */
export function decodeCursor(cursor: string): Cursor {
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  const decoded = decode(text);
  if (decoded === undefined || toBase64(text) !== cursor || !hasRealIds(text)) {
    throw new TallyError('INVALID_CURSOR', `"${cursor.slice(0, 120)}" is no cursor of a stream of outcomes`);
  }
  return decoded;
}

function decode(text: string): Cursor | undefined {
  const ofServer = OF_SERVER.exec(text);
  if (ofServer !== null) {
    return { positions: new Map([[NO_SLOT, positionOf(ofServer.slice(1))]]), elsewhere: FIRST };
  }
  const [, elsewhere, parts] = OF_CLUSTER.exec(text) ?? [];
  if (elsewhere === undefined) {
    return undefined;
  }
  const positions = new Map<Slot, Position>();
  for (const part of (parts ?? '').split(' ').slice(1)) {
    const [slot, ...position] = part.split(':');
    positions.set(Number(slot), positionOf(position));
  }
  return { positions, elsewhere: elsewhere === '0' ? FIRST : BEGINNING };
}

function positionOf([entryId = '', index, number]: readonly string[]): Position {
  return { entryId, index: Number(index), number: number === '-' ? undefined : Number(number) };
}

/** Redis refuses an id that it can't hold: nobody could read from there on. */
function hasRealIds(text: string): boolean {
  return [...text.matchAll(/(\d+)-(\d+)/g)].every(([, ...parts]) => parts.every((part) => BigInt(part) <= MAX_PART));
}

/** Whether the second one has come further than the first in any stream. */
export function isBehind(one: Cursor, other: Cursor): boolean {
  return [...other.positions].some(([slot, { entryId, index }]) => {
    const { entryId: oneId, index: oneIndex } = one.positions.get(slot) ?? BEGINNING;
    const order = compareIds(oneId, entryId);
    return order === 0 ? oneIndex < index : order < 0;
  });
}

function toBase64(text: string): string {
  return Buffer.from(text).toString('base64url');
}
