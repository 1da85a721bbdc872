import type { ToldCells } from '../jobs/told.js';
import type { StepList } from './step-list.js';

/** What is told of the cells of a job. @param counts how many steps each update has */
export function toldCells({ cells, cellNumbers, shapes }: StepList, counts: readonly number[]): ToldCells {
  const hashes = [...cells.hashes.values()].map(({ key, cells: numbers, names }) => [key, numbers, names] as const);
  const sortedSets = [...cells.sortedSets.values()].map(
    ({ key, cells: numbers, names }) => [key, numbers, names] as const,
  );
  return {
    s: cells.strings,
    ...(hashes.length > 0 && { h: hashes }),
    ...(sortedSets.length > 0 && { z: sortedSets }),
    n: cellNumbers,
    w: shapes.widths(),
    ...(counts.some((count) => count !== 1) && { u: counts }),
  };
}
