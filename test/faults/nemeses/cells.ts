import { setTimeout as wait } from 'node:timers/promises';
import type { Cell } from '../../../src/index.js';
import { FLAKY, FLAKY_KEYS, inAll } from '../cells.js';
import { insist } from '../insist.js';
import type { FaultProxy } from '../proxy.js';
import type { Random } from '../random.js';
import { LOCK_DURATION_MS } from '../settings.js';
import type { World } from '../world.js';
import type { Nemesis } from './nemesis.js';

/** Cells that can't be changed for a while: other services put something else in their place, and take it back. */

/** Where the true value is meanwhile. */
const asideOf = (key: string) => `aside:${key}`;

/** Spoils one that is not spoilt yet. */
async function spoilOne(world: World, random: Random): Promise<Cell | undefined> {
  for (const cell of random.shuffle(inAll(world.shards, FLAKY))) {
    if (await spoil(world, cell)) {
      return cell;
    }
  }
  return undefined;
}

async function spoil(world: World, { key }: Cell): Promise<boolean> {
  const { operator } = world;
  if ((await operator.type(asideOf(key))) !== 'none') {
    return false;
  }
  try {
    // Not RENAME: when the connection is lost before the answer, both are sent once more.
    const replies = await operator.multi().renamenx(key, asideOf(key)).rpush(key, 'spoilt').exec();
    return replies?.every(([error]) => error === null) === true;
  } catch (error) {
    await mend(world, key); // it may have been spoilt, or be so once Redis gets to it
    throw error;
  }
}

/** Moves the true value back, unless that was done. */
async function mend({ operator }: Pick<World, 'operator'>, key: string): Promise<void> {
  await insist(async () => {
    try {
      await operator.rename(asideOf(key), key);
    } catch (error) {
      if (!(error as Error).message.includes('no such key')) {
        throw error;
      }
    }
  });
}

/** Undoes what a fault may have left behind that died on the way. */
export async function mendAll({ operator, shards }: Pick<World, 'operator' | 'shards'>): Promise<void> {
  for (const key of shards.flatMap((shard) => FLAKY_KEYS.map((bare) => shard + bare))) {
    await mend({ operator }, key);
  }
}

const spoilt: Nemesis = {
  name: 'cell: of another type for a while, then as it was',
  weight: 8,
  act: async (world, random) => {
    const cell = await spoilOne(world, random);
    if (cell === undefined) {
      return false;
    }
    await wait(random.int(200, 3_000));
    await mend(world, cell.key);
    return true;
  },
};

const ORDER_TIMEOUT_MS = 1_500;
const REACHED_TIMEOUT_MS = 2_500;

/** Sees to it that there are updates of the cell. */
async function ask({ producers }: World, random: Random, cell: Cell, sent: 'alone' | 'together'): Promise<void> {
  const seeds = producers.map(() => random.seed());
  await Promise.all(
    producers.map((producer, place) =>
      producer.ask({ order: 'one-cell', seed: seeds[place] ?? 0, cell, sent }, 'done', ORDER_TIMEOUT_MS),
    ),
  );
}

/** Part of a script request that applies one update: of others, each leaves a receipt, which a late request finds. */
const OF_ONE_UPDATE = '"updates":1,';

/** Until Redis has answered the request that was sent again. */
const ANSWER_MS = 40;

/** The request that is sent again finds it spoilt; then it is mended, and the first one arrives, within its lease. */
const spoiltUntilLateRequest: Nemesis = {
  name: 'cell: spoilt for a script request that is sent again, but not for the one that comes late',
  weight: 10,
  act: async (world, random) => {
    const cell = await spoilOne(world, random);
    if (cell === undefined) {
      return false;
    }
    const holding = [cell.key, OF_ONE_UPDATE];
    const mendInTime = async (proxy: FaultProxy): Promise<void> => {
      await proxy.passes('apply', holding, LOCK_DURATION_MS);
      await wait(ANSWER_MS);
      await mend(world, cell.key).catch(() => undefined); // below it is tried again, and an error counts
    };
    const holds = world.workers.map(
      ({ proxy }) =>
        proxy.hold('apply', { until: () => mendInTime(proxy), timeoutMs: REACHED_TIMEOUT_MS, holding }).delivered,
    );
    await ask(world, random, cell, 'alone');
    const delivered = await Promise.all(holds);
    await mend(world, cell.key);
    return delivered.includes(true);
  },
};

/** Whether any of them comes true; known as soon as the first does. */
function any(answers: readonly Promise<boolean>[]): Promise<boolean> {
  const first = answers.map(async (answer) => {
    if (!(await answer)) {
      throw new Error('not this one');
    }
    return true;
  });
  return Promise.any(first).catch(() => false);
}

/** What failed in a whole batch was put back; then the batch runs once more, and could apply it as well. */
const spoiltWhileWorkerDies: Nemesis = {
  name: 'cell: spoilt until the workers die, one of which has put a whole batch back',
  weight: 5,
  act: async (world, random) => {
    const cell = await spoilOne(world, random);
    if (cell === undefined) {
      return false;
    }
    const deaths = world.workers.map((worker) => {
      const death = worker.dies(REACHED_TIMEOUT_MS);
      worker.order({ order: 'arm', deed: { at: 'before-completion', deed: 'die', allPutBack: true } });
      return death;
    });
    await ask(world, random, cell, 'together');
    const died = await any(deaths);
    for (const worker of world.workers) {
      if (died) {
        worker.signal('SIGKILL'); // else it runs what was put back while the cell is still spoilt
      } else {
        worker.order({ order: 'disarm' });
      }
    }
    await mend(world, cell.key);
    return died;
  },
};

export const cellNemeses: readonly Nemesis[] = [spoilt, spoiltUntilLateRequest, spoiltWhileWorkerDies];
