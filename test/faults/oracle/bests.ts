import { cellName } from '../../../src/redis/cell.js';
import type { BestCell } from '../cells.js';
import type { Evidence } from './evidence.js';
import { nameOf } from './evidence.js';
import type { History } from './history.js';

/** A best score is the best of all that were applied: how often, and in which order, their witnesses tell. */
export function* bestsAreKept({ cells }: Evidence, history: History): Generator<string> {
  const bests = new Map<string, number>();
  for (const { keep, value, ...cell } of history.applied.flatMap(bestsIn)) {
    const name = nameOf(cellName(cell));
    const best = bests.get(name) ?? value;
    bests.set(name, keep === 'lowest' ? Math.min(best, value) : Math.max(best, value));
  }
  for (const [name, best] of bests) {
    const held = cells.get(name) ?? 'nothing';
    if (held !== String(best)) {
      yield `${name} holds ${held}, but the best that was applied to it is ${best}`;
    }
  }
}

function bestsIn({ job, index }: History['applied'][number]): (BestCell & { value: number })[] {
  const { updates = [] } = (job.updates[index]?.params ?? {}) as { updates?: { operation: string; params: object }[] };
  return updates
    .filter(({ operation }) => operation === 'scores.best')
    .map(({ params }) => params as BestCell & { value: number });
}
