import { table } from '../tables.js';
import type { Imported } from './import.js';
import type { Pairs } from './pairs.js';
import type { Read } from './reads.js';

/** What was measured of everyday jobs. */
export interface Everyday {
  readonly pairs: readonly Pairs[];
  readonly reads: readonly Read[];
  readonly imported: readonly Imported[];
}

export function everydayTables({ pairs, reads, imported }: Everyday): string[] {
  const count = (number: number) => Math.round(number).toLocaleString('en');
  return [
    table(
      ['two updates, the second after the outcome of the first', 'pairs/s', 'lowest - highest'],
      pairs.map(({ name, perSecond, rounds }) => [
        name,
        count(perSecond),
        `${count(Math.min(...rounds))} - ${count(Math.max(...rounds))}`,
      ]),
    ),
    table(
      ['a reader is asked for', 'p50 ms', 'p99 ms', 'p50 ms of ioredis', 'answers/s, 50 at a time'],
      reads.map(({ name, p50Ms, p99Ms, plainP50Ms, perSecond }) => [
        name,
        ...[p50Ms, p99Ms, plainP50Ms].map((ms) => ms.toFixed(2)),
        count(perSecond),
      ]),
    ),
    table(
      ['tally import', 'rows', 'seconds', 'rows/s'],
      imported.map(({ format, rows, seconds }) => [format, count(rows), seconds.toFixed(1), count(rows / seconds)]),
    ),
  ];
}
