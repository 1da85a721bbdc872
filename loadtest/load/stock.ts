import { withinTime } from '../../src/lib/timeouts.js';
import type { LoadEvent } from './event.js';
import type { Ledger } from './ledger.js';
import type { Target } from './target.js';

const BATCH = 200;
const TIMEOUT_MS = 30_000;

/**
 * Gives each stock what is to be taken of it, before the load.
 *
 * @throws Error when it is not accepted or applied: there is nothing to take then
 */
export async function stockUp(target: Target, ledger: Ledger, events: Iterable<LoadEvent>): Promise<void> {
  const all = [...events];
  for (let first = 0; first < all.length; first += BATCH) {
    const part = all.slice(first, first + BATCH);
    for (const event of part) {
      event.sendingsLeft -= 1;
      ledger.sent(event);
    }
    const answer = await target.send(part.map(({ update }) => update));
    if (answer.accepted !== 'all') {
      throw new Error(`the stock was not accepted: ${answer.message}`);
    }
    const ends = part.map(async (event, place) => {
      ledger.accepted(event);
      const outcome = await answer.updates[place]?.outcome;
      if (outcome?.status !== 'applied') {
        throw new Error(`the stock was not applied: ${outcome?.message ?? 'no outcome'}`);
      }
      ledger.ended(event, outcome);
    });
    const ended = Promise.all(ends);
    if (!(await withinTime(ended, TIMEOUT_MS))) {
      ended.catch(() => undefined);
      throw new Error(
        `no outcome within ${TIMEOUT_MS} ms: does a worker run? Start one with tally up or tally worker, or let the load ` +
          'start all that it needs with --self',
      );
    }
  }
}
