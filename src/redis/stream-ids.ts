/** The id of an entry in a stream: `<ms>-<sequence>`. */

/** Below 0 when the first comes before the other, 0 when they are the same. */
export function compareIds(one: string, other: string): number {
  const [[ms, sequence], [otherMs, otherSequence]] = [partsOf(one), partsOf(other)];
  return ms === otherMs ? Math.sign(Number(sequence - otherSequence)) : ms < otherMs ? -1 : 1;
}

/** Redis can hold no larger one, of either part. */
export const MAX_PART = 2n ** 64n - 1n;

/** The last one before a time in ms, from 1 on. */
export function idBefore(ms: number): string {
  return `${Math.floor(ms) - 1}-${MAX_PART}`;
}

const LATEST_DATE_MS = 8.64e15;

/** When it was written, ISO 8601, as far as a date can tell; of {@link idBefore} that time. */
export function isoOf(id: string): string {
  const [ms, sequence] = partsOf(id);
  return new Date(Math.min(Number(sequence === MAX_PART ? ms + 1n : ms), LATEST_DATE_MS)).toISOString();
}

/** Up to 2^64 - 1 each. */
export function partsOf(id: string): [ms: bigint, sequence: bigint] {
  const [ms = '0', sequence = '0'] = id.split('-');
  return [BigInt(ms), BigInt(sequence)];
}
