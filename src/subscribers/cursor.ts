import { TallyError } from '../errors.js';

/** Behind an update in the stream. */
export interface Position {
  /** Of the entry in the stream. */
  readonly entryId: string;
  /** How many updates of that entry lie before this position, told or not. */
  readonly index: number;
  /** The number of the last update before this position: all that are ever told count through. Undefined where it is not known. */
  readonly number: number | undefined;
}

/** Before all that the stream holds, whatever that is. */
export const BEGINNING: Position = { entryId: '0-0', index: 0, number: undefined };

const FORM = 1;

/** A cursor: opaque to whoever keeps it, printable without spaces, at most 120 characters. */
export function encodeCursor({ entryId, index, number }: Position): string {
  return toBase64(`${FORM} ${entryId} ${index} ${number ?? '-'}`);
}

/** @throws TallyError `INVALID_CURSOR` for a text that is none, or one of a newer version */
export function decodeCursor(cursor: string): Position {
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  const [, entryId, index, number] = /^1 (\d{1,20}-\d{1,20}) (\d{1,9}) (\d{1,16}|-)$/.exec(text) ?? [];
  if (entryId === undefined || toBase64(text) !== cursor || !hasRealIds(text)) {
    throw new TallyError('INVALID_CURSOR', `"${cursor.slice(0, 120)}" is no cursor of a stream of outcomes`);
  }
  return { entryId, index: Number(index), number: number === '-' ? undefined : Number(number) };
}

const MAX_ID_PART = 2n ** 64n - 1n;

/** Redis refuses an id that it can't hold: nobody could read from there on. */
function hasRealIds(text: string): boolean {
  return [...text.matchAll(/(\d+)-(\d+)/g)].every(([, ...parts]) => parts.every((part) => BigInt(part) <= MAX_ID_PART));
}

function toBase64(text: string): string {
  return Buffer.from(text).toString('base64url');
}
