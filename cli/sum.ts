import { numberIn } from '../src/lib/number-in.js';
import type { SumOptions } from '../src/index.js';
import { withReader } from './with-reader.js';

export interface SumFlags {
  readonly bucket: string;
  readonly from: string;
  readonly to: string;
  readonly timeZone?: string;
  readonly field?: string;
  readonly member?: string;
  /** Those of the user's own, which every command takes. */
  readonly operations?: string;
  readonly json?: true;
}

/** `tally sum`: prints each bucket of a range, and their sum. */
export async function sum(key: string, { json, operations: _, from, to, ...rest }: SumFlags): Promise<void> {
  const range = { ...rest, from: numberIn(from), to: numberIn(to) } as SumOptions;
  const found = await withReader((reader) => reader.sum(key, range));
  if (json) {
    console.log(JSON.stringify(found));
    return;
  }
  for (const { bucket, value } of found.series) {
    console.log(`${bucket} ${value ?? '-'}`);
  }
  console.log(`sum ${found.sum}`);
}
