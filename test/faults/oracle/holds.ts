import { heldChanges } from './changes.js';
import { nameOf } from './evidence.js';
import type { Evidence } from './evidence.js';
import type { History } from './history.js';

/**
 * What is held of each stock is what was reserved and neither sold nor given back since, and as much as its reservations hold. So
 * stock, held and sold make what there was at the start and what was added. Once all is healed nothing that is over is held.
 */
export function* holdsAddUp({ held }: Evidence, history: History): Generator<string> {
  const expected = new Map<string, number>();
  for (const { job, index, outcome = '', changes } of history.updates) {
    const params = job.updates[index]?.params ?? {};
    for (const [stock, change] of changes.length > 0 ? heldChanges(job.operation, params, outcome) : []) {
      expected.set(nameOf(stock), (expected.get(nameOf(stock)) ?? 0) + change);
    }
  }
  for (const [stock, { total, sum, over }] of held) {
    if (over > 0) {
      yield `${over} reservations of ${stock} are over, but what they hold was not given back`;
    }
    if (total !== (expected.get(stock) ?? 0)) {
      yield `${total} of ${stock} are held, but the updates applied to it make ${expected.get(stock) ?? 0}`;
    }
    if (total !== sum) {
      yield `${total} of ${stock} are held, but ${sum} by its reservations`;
    }
  }
}
