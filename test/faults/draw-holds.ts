import type { Cell } from '../../src/index.js';
import { RESERVABLE, SHOP, SHOP_SOLD, TURN, witnessesOf } from './cells.js';
import type { Drawn } from './drawn-update.js';
import type { Random } from './random.js';

/** Every so many updates of a producer one reserves stock, so that those after it know what is held. */
export const RESERVE_EVERY = 10;
export const RESERVING_OPERATION = 'inventory.reserve';

export function isReserving(id: string): boolean {
  const { producer, number } = partsOf(id);
  return producer !== undefined && number % RESERVE_EVERY === 0;
}

function partsOf(id: string): { producer: string | undefined; number: number } {
  const [, producer, number] = /^(.*\.)(\d+)$/.exec(id) ?? [];
  return { producer, number: Number(number) };
}

/** What an update with this id reserves. Told by the id, for those that come after it and for the oracle. */
function holdOf(producer: string, number: number): Cell & { reservation: string; quantity: number } {
  const quantity = 1 + ((number / RESERVE_EVERY) % 4);
  const cell = RESERVABLE[(number / RESERVE_EVERY) % RESERVABLE.length]!;
  return { ...cell, quantity, reservation: `cart-${producer}${number}-of-${quantity}` };
}

export function reserve(random: Random, id: string): Drawn {
  const { producer = '', number } = partsOf(id);
  const params = { ...holdOf(producer, number), ttlSeconds: random.int(1, 6) };
  return { operation: RESERVING_OPERATION, params };
}

/** Of one of the last reservations of this producer. */
export function changeHold(random: Random, id: string): Drawn {
  const { producer = '', number } = partsOf(id);
  const last = (Number.isNaN(number) ? 0 : number) - (number % RESERVE_EVERY || 0);
  const { quantity, ...hold } = holdOf(producer, Math.max(0, last - RESERVE_EVERY * random.int(0, 8)));
  switch (random.pick(['confirm', 'confirm', 'release', 'extend', 'expire'])) {
    case 'confirm': {
      if (hold.key === SHOP.key) {
        return counted(id, [
          { operation: 'inventory.confirm', params: hold },
          { operation: 'counter.increment', params: { ...SHOP_SOLD, by: quantity } },
        ]);
      }
      const part = random.chance(30) && { quantity: random.int(1, quantity) };
      return { operation: 'inventory.confirm', params: { ...hold, ...part } };
    }
    case 'release':
      return { operation: 'inventory.release', params: hold };
    case 'extend':
      return { operation: 'inventory.extend', params: { ...hold, ttlSeconds: random.int(1, 6) } };
    default: {
      const { reservation, ...cell } = hold;
      return { operation: 'inventory.expire', params: { ...cell, reservations: [reservation] } };
    }
  }
}

/** What was sold before comes back. */
export function takeBack(random: Random, id: string): Drawn {
  const quantity = random.int(1, 3);
  return counted(id, [
    { operation: 'counter.decrement', params: { ...SHOP_SOLD, by: quantity, min: 0 } },
    { operation: 'inventory.restock', params: { ...SHOP, quantity } },
  ]);
}

/** A transaction that only it can have made. */
export function counted(id: string, steps: readonly Drawn[]): Drawn {
  const marks = [TURN, ...witnessesOf(id)].map((cell) => ({
    operation: 'counter.increment',
    params: { ...cell, by: 1 },
  }));
  return { operation: 'transaction', params: { updates: [...steps, ...marks] } };
}
