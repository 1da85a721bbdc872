import { createProducer } from '../src/index.js';
import { openStore } from '../src/layout/store.js';
import { checkHolds, isConsistent, overHolds, stocksWithHolds } from '../src/readers/check-holds.js';
import type { CheckedHolds } from '../src/readers/check-holds.js';
import { describeCell } from '../src/redis/cell.js';
import { connectionOptions, createContext, findRedis, producerOptions } from './context.js';
import { HoldsGiver } from './holds-giver.js';
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
  const giver = new HoldsGiver(() => createProducer({ ...options, ...producerOptions(context) }));
  let [checked, wrong] = [0, 0];
  try {
    for await (const stock of stocksWithHolds(store.redis, store.keys)) {
      const found = await checkHolds(store.redis, store.keys, stock, mend);
      checked += 1;
      if (!isConsistent(found)) {
        wrong += 1;
        console.log(json ? JSON.stringify(found) : lineOf(found, mend));
        if (mend && found.over + found.withoutEnd > 0) {
          const names = overHolds(store.redis, store.keys, found);
          console.error(`${describeCell(stock)}: ${await giver.giveBack(stock, names)}`);
        }
      }
    }
  } finally {
    await giver.close();
    store.close();
  }
  console.error(
    `Checked ${count(checked, 'stock')} with reservations: ${wrong} not right${mend && wrong > 0 ? ', mended' : ''}.`,
  );
  process.exitCode = wrong === 0 || (mend && !giver.isStuck) ? 0 : 1;
}

function lineOf({ stock, held, sum, withoutEnd, endsWithoutReservation, over }: CheckedHolds, mend: boolean): string {
  const faults = [
    held !== sum && `${held} held in all, but ${sum} by its reservations`,
    withoutEnd > 0 && `${count(withoutEnd, 'reservation')} without an end`,
    endsWithoutReservation > 0 && `${count(endsWithoutReservation, 'end')} without a reservation`,
    over > 0 && `${count(over, 'reservation')} over and not given back`,
  ].filter((fault) => fault !== false);
  return `${describeCell(stock)}: ${faults.join('; ')}${mend ? ': mended' : ''}`;
}
