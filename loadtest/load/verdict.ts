import type { RedisClient } from '../../src/redis/connection.js';
import { describeCell } from '../../src/redis/cell.js';
import { integerIn } from '../../src/redis/cell-integer.js';
import type { Cell } from '../../src/index.js';
import type { Cells } from './cells.js';
import type { Expected, Ledger } from './ledger.js';
import type { Difference, Family, Verdict } from './result.js';

/** Cells that are read together. */
const READ_AT_ONCE = 1_000;

const MAX_DIFFERENCES = 1_000;

/**
 * Compares what Redis holds with what it has to hold.
 *
 * @param complaints what else is wrong with the load
 */
export async function judge(
  redis: RedisClient,
  cells: Cells,
  ledger: Ledger,
  complaints: readonly string[],
): Promise<Verdict> {
  const numbers = [...ledger.touched];
  const differences: Difference[] = [];
  let negativeStocks = 0;
  for (let first = 0; first < numbers.length; first += READ_AT_ONCE) {
    const part = numbers.slice(first, first + READ_AT_ONCE);
    const texts = await readTexts(
      redis,
      part.map((number) => cells.cell(number)),
    );
    for (const [place, number] of part.entries()) {
      const [cell, family] = [cells.cell(number), cells.familyOf(number)];
      const text = texts[place] ?? null;
      const value = text === null ? 0 : integerIn(cell, text);
      negativeStocks += family === 'inventory' && value !== undefined && value < 0 ? 1 : 0;
      const difference = compare({ cell, family, text, value }, ledger.expected(number));
      if (difference !== undefined) {
        differences.push(difference);
      }
    }
  }
  differences.sort((a, b) => b.amount - a.amount);
  const all = [...complaints, ...complaintsOf(ledger)];
  return {
    exact: differences.length === 0 && negativeStocks === 0 && all.length === 0,
    cells: numbers.length,
    differing: differences.length,
    differences: differences.slice(0, MAX_DIFFERENCES),
    lost: sumOf(differences, 'lost'),
    doubled: sumOf(differences, 'doubled'),
    negativeStocks,
    uncertain: ledger.uncertain,
    undrained: ledger.undrained,
    complaints: all,
  };
}

function complaintsOf({ undrained, appliedTwice }: Ledger): string[] {
  return [
    ...(undrained > 0 ? [`${undrained} accepted updates had no outcome when waiting for them was given up`] : []),
    ...(appliedTwice > 0 ? [`${appliedTwice} updates were answered as applied for the first time more than once`] : []),
  ];
}

function sumOf(differences: readonly Difference[], kind: Difference['kind']): number {
  return differences.reduce((sum, difference) => sum + (difference.kind === kind ? difference.amount : 0), 0);
}

/** What the cells hold, as texts. They may lie in many slots of a Cluster, where a pipeline may not go. */
function readTexts(redis: RedisClient, cells: readonly Cell[]): Promise<(string | null)[]> {
  return Promise.all(cells.map((cell) => readText(redis, cell)));
}

/** A key of another type counts as one that holds no number. */
async function readText(redis: RedisClient, { key, member }: Cell): Promise<string | null> {
  try {
    return await (member === undefined ? redis.get(key) : redis.zscore(key, member));
  } catch (error) {
    const { message } = error as Error;
    if (!message.startsWith('WRONGTYPE')) {
      throw error;
    }
    return message;
  }
}

interface Found {
  readonly cell: Cell;
  readonly family: Family;
  readonly text: string | null;
  /** 0 when the cell is missing, undefined when it holds no integer. */
  readonly value: number | undefined;
}

function compare({ cell, family, text, value }: Found, { low, high }: Expected): Difference | undefined {
  const facts = { cell: describeCell(cell), family, expectedLow: low, expectedHigh: high };
  if (value === undefined) {
    return { ...facts, kind: 'lost', found: text, amount: Math.max(Math.abs(low), Math.abs(high)) };
  }
  const found = text === null ? null : value;
  if (value >= low && value <= high) {
    return undefined;
  }
  if (family === 'inventory' && value < 0) {
    return { ...facts, kind: 'negative-stock', found, amount: low - value };
  }
  // Stock goes down as updates take effect, all else goes up.
  const tooLow = value < low;
  const kind = tooLow === (family === 'inventory') ? 'doubled' : 'lost';
  return { ...facts, kind, found, amount: tooLow ? low - value : value - high };
}
