import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { mersenne } from 'pure-rand/generator/mersenne';

/** Draws that depend on nothing but the seed and the draws before. */
export interface Random {
  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number;
  /** True in `percent` of 100 draws. */
  chance(percent: number): boolean;
  pick<Item>(items: readonly [Item, ...Item[]]): Item;
  /** One of the items, each as often as its weight says. */
  weighted<Item extends { readonly weight: number }>(items: readonly Item[]): Item;
  shuffle<Item>(items: readonly Item[]): Item[];
  /** A seed for draws that are made elsewhere. */
  seed(): number;
}

export const MAX_SEED = 2 ** 31 - 1;

export function createRandom(seed: number): Random {
  const generator = mersenne(seed);
  const int = (min: number, max: number) => uniformInt(generator, min, max);
  return {
    int,
    chance: (percent) => int(1, 100) <= percent,
    pick: (items) => items[int(0, items.length - 1)] as (typeof items)[0],
    weighted: (items) => {
      let left = int(
        1,
        items.reduce((sum, { weight }) => sum + weight, 0),
      );
      for (const item of items) {
        left -= item.weight;
        if (left <= 0) {
          return item;
        }
      }
      throw new RangeError('nothing to draw from: the list is empty or weighs nothing');
    },
    shuffle: (items) => {
      const left = [...items];
      return items.map(() => left.splice(int(0, left.length - 1), 1)[0] as (typeof items)[number]);
    },
    seed: () => int(1, MAX_SEED),
  };
}
