import type { Cell } from '../../../src/index.js';
import { cellName } from '../../../src/redis/cell.js';
import { nameOf } from './evidence.js';

/** What an update did to one cell. */
export interface Change {
  readonly cell: string;
  readonly by: number;
  readonly after: number;
}

/** What an update asks of one cell. */
interface Wish {
  readonly cell: Cell;
  /** By how much it changes, as asked for, or as the numbers of the result tell. */
  readonly by: number | ((numbers: readonly number[]) => number);
  /** What it leaves, where that is no number of the result. */
  readonly after?: number | ((numbers: readonly number[]) => number);
}

/** The cells that an update of this operation touches. */
export function cellsOf(operation: string, params: object): Cell[] {
  return stepsOf(operation, params).flatMap((wishes) => wishes.map(({ cell }) => cell));
}

/** What an applied update did, from its params and its outcome in the script's form: "5", "3,2" or "5|3,2|7". */
export function changesOf(operation: string, params: object, outcome: string): Change[] {
  const results = outcome.split('|').map((part) => part.split(',').map(Number));
  return stepsOf(operation, params).flatMap((wishes, step) => {
    const numbers = results[step] ?? [];
    return wishes.map(({ cell, by, after }, place) => ({
      cell: nameOf(cell),
      by: typeof by === 'number' ? by : by(numbers),
      after: (typeof after === 'function' ? after(numbers) : after) ?? numbers[place] ?? NaN,
    }));
  });
}

/** What each step wishes: a transaction has several steps, any other update one. */
export function stepsOf(operation: string, params: object): Wish[][] {
  return stepsWithin(operation, params).map((step) => wishesOf(step.operation, step.params));
}

function stepsWithin(operation: string, params: object): { operation: string; params: object }[] {
  return operation === 'transaction'
    ? (params as { updates: { operation: string; params: object }[] }).updates
    : [{ operation, params }];
}

function wishesOf(operation: string, params: object): Wish[] {
  const one = params as Cell & { by: number; quantity: number; amount: number };
  switch (operation) {
    case 'counter.increment':
      return [{ cell: cellName(one), by: one.by }];
    case 'counter.decrement':
      return [{ cell: cellName(one), by: -one.by }];
    case 'counter.set':
      return [{ cell: cellName(one), by: ([value = NaN, previous = 0]) => value - previous }];
    case 'counter.remove':
      return [{ cell: cellName(one), by: ([, previous = 0]) => -previous, after: 0 }];
    case 'inventory.take':
    case 'xp.take':
      return [{ cell: cellName(one), by: ([, taken = NaN]) => -taken }];
    case 'inventory.restock':
      return [{ cell: cellName(one), by: one.quantity }];
    case 'xp.award':
      return [{ cell: cellName(one), by: one.amount }];
    case 'inventory.reserve':
      return [{ cell: cellName(one), by: -one.quantity }]; // its name is new, so that nothing goes back for it
    case 'inventory.count':
      return [{ cell: cellName(one), by: ([, difference = NaN]) => difference }];
    case 'inventory.extend':
    case 'scores.best': // by how much it changed is not told: see bests.ts
      return [];
    case 'inventory.confirm':
      return [{ cell: cellName(one), by: ([sold = NaN]) => heldBy(params) - sold, after: ([, after = NaN]) => after }];
    case 'inventory.release':
    case 'inventory.expire':
      return [{ cell: cellName(one), by: ([released = NaN]) => released, after: ([, after = NaN]) => after }];
    case 'inventory.takeAll':
      return (params as { items: (Cell & { quantity: number })[] }).items.map((item) => ({
        cell: cellName(item),
        by: -item.quantity,
      }));
    case 'scores.add':
      return (params as { entries: (Cell & { by: number })[] }).entries.map((entry) => ({
        cell: cellName(entry),
        by: entry.by,
      }));
    case 'purse.pay': {
      const { from, to, amount, marks } = params as { from: Cell; to: Cell; amount: number; marks: Cell[] };
      return [
        { cell: cellName(from), by: -amount },
        { cell: cellName(to), by: amount },
        ...marks.map((mark) => ({ cell: cellName(mark), by: 1 })),
      ];
    }
    default:
      throw new RangeError(`the oracle does not know the operation "${operation}": add it to changes.ts`);
  }
}

/** What a reservation held: its name tells. */
function heldBy(params: object): number {
  const { reservation } = params as { reservation: string };
  return Number(/-of-(\d+)$/.exec(reservation)?.[1]);
}

/** By how much an applied update changed what is held of stock. */
export function heldChanges(operation: string, params: object, outcome: string): [stock: Cell, change: number][] {
  const results = outcome.split('|');
  return stepsWithin(operation, params).flatMap((step, place) => {
    const change = heldChange(step.operation, step.params, results[place] ?? '');
    return change === 0 ? [] : [[cellName(step.params as Cell), change]];
  });
}

function heldChange(operation: string, params: object, outcome: string): number {
  const [first = NaN] = outcome.split(',').map(Number);
  switch (operation) {
    case 'inventory.reserve':
      return (params as { quantity: number }).quantity;
    case 'inventory.confirm':
      return -heldBy(params);
    case 'inventory.release':
    case 'inventory.expire':
      return -first;
    default:
      return 0;
  }
}
