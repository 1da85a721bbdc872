/** The id of an entry in a stream: `<ms>-<sequence>`. */

/** Below 0 when the first comes before the other, 0 when they are the same. */
export function compareIds(one: string, other: string): number {
  const [[ms, sequence], [otherMs, otherSequence]] = [partsOf(one), partsOf(other)];
  return ms === otherMs ? Math.sign(Number(sequence - otherSequence)) : ms < otherMs ? -1 : 1;
}

const LATEST_DATE_MS = 8.64e15;

/** When it was written, ISO 8601, as far as a date can tell. */
export function isoOf(id: string): string {
  return new Date(Math.min(Number(partsOf(id)[0]), LATEST_DATE_MS)).toISOString();
}

/** Up to 2^64 - 1 each. */
function partsOf(id: string): [ms: bigint, sequence: bigint] {
  const [ms = '0', sequence = '0'] = id.split('-');
  return [BigInt(ms), BigInt(sequence)];
}
