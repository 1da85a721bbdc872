import type { Cell } from '../../src/index.js';

/** The cells that the updates of a fault run touch, and what they hold at the start. */

/**
 * In a Cluster the cells of an update lie in one slot: then each cell is there once for each of several hash tags, which its key
 * begins with. On one server there is one shard, without a tag.
 */
export type Shards = readonly [string, ...string[]];
export const ONE_SHARD: Shards = [''];

/** These cells, once for each shard. */
export function inAll(shards: Shards, cells: readonly Cell[]): Cell[] {
  return shards.flatMap((shard) => cells.map((cell) => ({ ...cell, key: `${shard}${cell.key}` })));
}

/** A key without the tag of its shard. */
export function bareKey(key: string): string {
  return key.replace(/^\{[^}]*\}/, '');
}

/** Every witnessed update adds 1 to it: the value that it left is its turn among them. */
export const TURN: Cell = { key: 'turn' };

/** The cells that only one update touches, one of each kind: all are 1 when it was applied, all missing when not. */
export function witnessesOf(updateId: string): readonly [Cell, Cell, Cell] {
  return [
    { key: `witness:${updateId}` },
    { key: 'witness-fields', field: updateId },
    { key: 'witness-members', member: updateId },
  ];
}

function numbered(count: number, cellOf: (number: number) => Cell): [Cell, ...Cell[]] {
  return Array.from({ length: count }, (_, number) => cellOf(number)) as [Cell, ...Cell[]];
}

/** Go up and down, below zero as well. */
export const COUNTERS = [
  ...numbered(4, (number) => ({ key: `count:${number}` })),
  ...numbered(3, (number) => ({ key: 'counts', field: `f${number}` })),
  ...numbered(3, (number) => ({ key: 'ranks', member: `m${number}` })),
] as [Cell, ...Cell[]];

/** Must never be below zero. */
export const STOCK = [
  ...numbered(3, (number) => ({ key: `stock:${number}` })),
  ...numbered(2, (number) => ({ key: 'stocks', field: `f${number}` })),
  ...numbered(1, (number) => ({ key: 'stock-ranks', member: `m${number}` })),
] as [Cell, ...Cell[]];

export const STOCK_AT_START = 40;

/** Is held, sold with the sale counted, and taken back with it: at every moment the three make what there was at the start. */
export const SHOP: Cell = { key: 'shop:stock' };
export const SHOP_SOLD: Cell = { key: 'shop:sold' };

/** Stock that can be reserved. */
export const RESERVABLE = [...STOCK, SHOP] as [Cell, ...Cell[]];

/** Go up, and down as far as zero. */
export const PLAYERS = [
  ...numbered(3, (number) => ({ key: `xp:${number}` })),
  ...numbered(3, (number) => ({ key: 'board', member: `player-${number}` })),
] as [Cell, ...Cell[]];

/** What the suite's own operation pays from and to. */
export const PURSES = [
  ...numbered(2, (number) => ({ key: `purse:${number}` })),
  ...numbered(2, (number) => ({ key: 'purses', field: `f${number}` })),
] as [Cell, ...Cell[]];

/** Hold the best that was ever sent, and how that is told. */
export const BESTS: readonly [BestCell, ...BestCell[]] = [
  { key: 'best:high', keep: 'highest' },
  { key: 'bests', field: 'low', keep: 'lowest' },
  { key: 'best-ranks', member: 'high', keep: 'highest' },
];

export type BestCell = Cell & { readonly keep: 'highest' | 'lowest' };

/** Can't be changed by any update: of another type, not an integer, and too near to the limit for what is added. */
export const BAD_CELLS: readonly [Cell, Cell, Cell] = [{ key: 'bad:list' }, { key: 'bad:text' }, { key: 'bad:edge' }];
export const EDGE = Number.MAX_SAFE_INTEGER - 5;
export const PAST_THE_EDGE = 1_000;

export function isBad({ key }: Cell): boolean {
  return bareKey(key).startsWith('bad:');
}

/** Fine at the start and at the end, but spoilt now and then: nothing can be applied to them while they are. */
export const FLAKY = [
  ...numbered(2, (number) => ({ key: `flaky:${number}` })),
  ...numbered(1, (number) => ({ key: 'flaky:fields', field: `f${number}` })),
  ...numbered(1, (number) => ({ key: 'flaky:members', member: `m${number}` })),
] as [Cell, ...Cell[]];

export const FLAKY_AT_START = 1_000;

export function isFlaky({ key }: Cell): boolean {
  return bareKey(key).startsWith('flaky:');
}

export const FLAKY_KEYS = [...new Set(FLAKY.map(({ key }) => key))];

/** Whether no other update touches it, so that it needs no tag to be told from others. */
export function isWitness({ key }: Cell): boolean {
  return /^witness[:-]/.test(bareKey(key));
}
