import { createProducer } from '../src/index.js';
import type { Outcome } from '../src/index.js';
import { openStore } from '../src/layout/store.js';
import { MAX_EXPIRED_AT_ONCE } from '../src/operations/reservations.js';
import { checkHolds, isConsistent, stocksWithHolds } from '../src/readers/check-holds.js';
import type { CheckedHolds } from '../src/readers/check-holds.js';
import { describeCell } from '../src/redis/cell.js';
import { connectionOptions, createContext, findRedis, producerOptions } from './context.js';
import type { Context } from './context.js';
import { count } from './words.js';

export interface CheckFlags {
  readonly mend?: true;
  readonly json?: true;
}

const TIMEOUT_MS = 20_000;

/** `tally inventory check`: compares what is held of each stock with its open reservations. */
export async function checkInventory(flags: CheckFlags): Promise<void> {
  const [mend, json] = [flags.mend === true, flags.json === true];
  const context = createContext(process.stderr);
  const options = connectionOptions(context, findRedis(context));
  const store = openStore({ ...options, connectionName: 'tally-inventory', timeoutMs: TIMEOUT_MS });
  const wrong: CheckedHolds[] = [];
  let checked = 0;
  try {
    for await (const stock of stocksWithHolds(store.redis, store.keys)) {
      const found = await checkHolds(store.redis, store.keys, stock, mend);
      checked += 1;
      if (!isConsistent(found)) {
        wrong.push(found);
        console.log(json ? JSON.stringify(found) : lineOf(found, mend));
      }
    }
    if (mend) {
      await giveBack(wrong, context);
    }
  } finally {
    store.close();
  }
  console.error(
    `Checked ${count(checked, 'stock')} with reservations: ${wrong.length} not right${mend && wrong.length > 0 ? ', mended' : ''}.`,
  );
  process.exitCode = wrong.length === 0 || mend ? 0 : 1;
}

function lineOf({ stock, held, sum, withoutEnd, endsWithoutReservation, over }: CheckedHolds, mend: boolean): string {
  const faults = [
    held !== sum && `${held} held in all, but ${sum} by its reservations`,
    withoutEnd > 0 && `${count(withoutEnd, 'reservation')} without an end`,
    endsWithoutReservation > 0 && `${count(endsWithoutReservation, 'end')} without a reservation`,
    over.length > 0 && `${count(over.length, 'reservation')} over and not given back`,
  ].filter((fault) => fault !== false);
  return `${describeCell(stock)}: ${faults.join('; ')}${mend ? ': mended' : ''}`;
}

function wordsOf(ended: PromiseSettledResult<Outcome<{ released: number; available: number }>> | undefined): string {
  return ended?.status === 'fulfilled' && ended.value.status === 'applied'
    ? `gave back ${ended.value.result.released}; ${ended.value.result.available} available`
    : 'what is over is given back as soon as a worker takes it';
}

/** As workers do it: by a job, which decides by Redis' time once more. */
async function giveBack(wrong: readonly CheckedHolds[], context: Context): Promise<void> {
  const updates = wrong.flatMap(({ stock, over }) =>
    Array.from({ length: Math.ceil(over.length / MAX_EXPIRED_AT_ONCE) }, (_, place) => ({
      ...stock,
      reservations: over.slice(place * MAX_EXPIRED_AT_ONCE, (place + 1) * MAX_EXPIRED_AT_ONCE),
    })),
  );
  if (updates.length === 0) {
    return;
  }
  const producer = createProducer({
    ...connectionOptions(context, findRedis(context)),
    ...producerOptions(context),
  });
  try {
    const sent = await Promise.all(updates.map((params) => producer.inventory.expire(params)));
    const outcomes = await Promise.allSettled(sent.map((update) => update.outcome({ timeoutMs: TIMEOUT_MS })));
    for (const [place, { key, field, member }] of updates.entries()) {
      console.error(`${describeCell({ key, field, member })}: ${wordsOf(outcomes[place])}`);
    }
  } finally {
    await producer.close();
  }
}
