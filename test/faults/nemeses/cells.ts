import { setTimeout as wait } from 'node:timers/promises';
import type { Cell } from '../../../src/index.js';
import { FLAKY, FLAKY_KEYS } from '../cells.js';
import { LOCK_DURATION_MS } from '../settings.js';
import { pickTarget } from '../world.js';
import type { World } from '../world.js';
import type { Nemesis } from './nemesis.js';

/** Cells that can't be changed for a while: other services put something else in their place, and take it back. */

/** Where the true value is meanwhile. */
const asideOf = (key: string) => `aside:${key}`;

async function spoil({ operator }: World, { key }: Cell): Promise<boolean> {
  if ((await operator.type(asideOf(key))) !== 'none') {
    return false;
  }
  // Not RENAME: when the connection is lost before the answer, both are sent once more.
  const replies = await operator.multi().renamenx(key, asideOf(key)).rpush(key, 'spoilt').exec();
  return replies?.every(([error]) => error === null) === true;
}

async function mend({ operator }: Pick<World, 'operator'>, key: string): Promise<void> {
  if ((await operator.type(asideOf(key))) !== 'none') {
    await operator.rename(asideOf(key), key);
  }
}

/** Undoes what a fault may have left behind that died on the way. */
export async function mendAll(world: Pick<World, 'operator'>): Promise<void> {
  for (const key of FLAKY_KEYS) {
    await mend(world, key);
  }
}

const spoilt: Nemesis = {
  name: 'cell: of another type for a while, then as it was',
  weight: 8,
  act: async (world, random) => {
    const cell = random.pick(FLAKY);
    if (!(await spoil(world, cell))) {
      return false;
    }
    await wait(random.int(200, 3_000));
    await mend(world, cell.key);
    return true;
  },
};

const HELD_TIMEOUT_MS = 2_500;

/** Part of a script request that applies one update: of others, each leaves a receipt, which a late request finds. */
const OF_ONE_UPDATE = '"updates":1,';

/** The resent request finds it spoilt; then it is mended, and the first one arrives. */
const spoiltUntilLateRequest: Nemesis = {
  name: 'cell: spoilt for a script request that is sent again, but not for the one that comes late',
  weight: 8,
  act: async (world, random) => {
    const cell = random.pick(FLAKY);
    const { proxy } = pickTarget(random, world.workers);
    if (!(await spoil(world, cell))) {
      return false;
    }
    const lateMs = random.int(LOCK_DURATION_MS / 2, LOCK_DURATION_MS);
    const holding = [cell.key, OF_ONE_UPDATE];
    const held = proxy.hold('apply', { lateMs, timeoutMs: HELD_TIMEOUT_MS, holding });
    const isHeld = await held.begun;
    await wait(isHeld ? lateMs - random.int(20, 150) : 0);
    await mend(world, cell.key);
    return held.delivered;
  },
};

/** What failed in whole batches was put back; then the batches run once more, and could apply it as well. */
const spoiltWhileWorkerDies: Nemesis = {
  name: 'cell: spoilt until a worker dies that has put updates back',
  weight: 4,
  act: async (world, random) => {
    const cell = random.pick(FLAKY);
    const worker = pickTarget(random, world.workers);
    if (!worker.isReady || !(await spoil(world, cell))) {
      return false;
    }
    const asked = world.producers.map((producer) =>
      producer.ask({ order: 'one-cell', seed: random.seed(), cell }, 'done', ORDER_TIMEOUT_MS),
    );
    await Promise.all(asked);
    const death = worker.dies(HELD_TIMEOUT_MS);
    worker.order({ order: 'arm', deed: { at: 'before-completion', deed: 'die', putBack: true } });
    const died = await death;
    if (!died) {
      worker.order({ order: 'disarm' });
    }
    await mend(world, cell.key);
    return died;
  },
};

const ORDER_TIMEOUT_MS = 1_500;

export const cellNemeses: readonly Nemesis[] = [spoilt, spoiltUntilLateRequest, spoiltWhileWorkerDies];
