/** How many slots a Redis Cluster spreads its keys over. */
export const SLOTS = 16_384;

/** In place of a slot where keys need not lie in one: on a single server. */
export const NO_SLOT = 'no-slot' as const;

/** The slot in which a key has to lie, beside the cells that the same script writes; or {@link NO_SLOT}. */
export type Slot = number | typeof NO_SLOT;

/** CRC-16/XMODEM by byte, which Redis Cluster takes: see "Key distribution model" of its specification. */
const CRC_TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) {
    crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  }
  return crc;
});

/**
 * The slot of a key, 0 to 16,383: of the part between its first `{` and the next `}`, unless that is empty or missing.
 *
 * Not the package cluster-key-slot, which comes with ioredis: it answers wrong for keys such as `foo{}{bar}`, and for bytes
 * that are no UTF-8. Real servers agree with this (`test/cluster/keyslot.test.ts`).
 */
export function slotOf(key: string): number {
  return checksum(hashedPart(key)) % SLOTS;
}

function hashedPart(key: string): string {
  const open = key.indexOf('{');
  if (open !== -1) {
    const close = key.indexOf('}', open + 1);
    if (close > open + 1) {
      return key.slice(open + 1, close);
    }
  }
  return key;
}

/** Of the bytes that Redis sees; those of ASCII are the character codes. */
function checksum(text: string): number {
  let crc = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 127) {
      return checksumOfBytes(Buffer.from(text));
    }
    crc = addByte(crc, code);
  }
  return crc;
}

function checksumOfBytes(bytes: Uint8Array): number {
  return bytes.reduce(addByte, 0);
}

function addByte(crc: number, byte: number): number {
  return ((crc << 8) ^ (CRC_TABLE[((crc >> 8) ^ byte) & 0xff] ?? 0)) & 0xffff;
}

/**
 * A hash tag by which other services can tell where a key's neighbours lie: `{tagBeside(key)}` puts a key into the slot of this
 * one. It is what decides on that slot, so the key itself or what it has in braces; of a key with a brace that would
 * end the tag too soon, the tag of its slot.
 */
export function tagBeside(key: string): string {
  const part = hashedPart(key);
  return part.includes('}') ? tagOf(slotOf(key)) : part;
}

let tags: readonly string[] | undefined;

/**
 * The hash tag of a slot: `{tagOf(slot)}` in a key puts it there. A key of the user's can't be wrapped in braces for this,
 * since it may hold braces itself. Tags are part of stored keys: they must never change.
 */
export function tagOf(slot: Slot): string {
  tags ??= makeTags();
  const tag = slot === NO_SLOT ? undefined : tags[slot];
  if (tag === undefined) {
    throw new RangeError(`there is no slot ${slot}: slots are 0 to ${SLOTS - 1}`);
  }
  return tag;
}

/** For each slot the first number that falls into it, written to base 36. */
function makeTags(): string[] {
  const found = new Array<string>(SLOTS);
  for (let [number, left] = [0, SLOTS]; left > 0; number += 1) {
    const text = number.toString(36);
    const slot = checksum(text) % SLOTS;
    if (found[slot] === undefined) {
      found[slot] = text;
      left -= 1;
    }
  }
  return found;
}
