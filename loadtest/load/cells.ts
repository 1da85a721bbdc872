import type { Cell } from '../../src/index.js';
import type { Family } from './result.js';

export const FAMILIES = ['counter', 'inventory', 'xp', 'scores'] as const satisfies readonly Family[];

const WORDS: Readonly<Record<Family, string>> = { counter: 'counter', inventory: 'stock', xp: 'xp', scores: 'score' };

/** The cells of one side of a load, by number. All their keys begin with the same words, and nobody else's do. */
export class Cells {
  readonly size: number;

  /**
   * @param keysPrefix `load:<run>:`
   * @param perFamily how many cells each kind of update has
   * @param leaderboard whether the scores are members of one sorted set, rather than keys
   */
  constructor(
    private readonly keysPrefix: string,
    private readonly perFamily: number,
    private readonly leaderboard: boolean,
  ) {
    this.size = FAMILIES.length * perFamily;
  }

  numberOf(family: Family, index: number): number {
    return FAMILIES.indexOf(family) * this.perFamily + index;
  }

  familyOf(number: number): Family {
    return FAMILIES[Math.floor(number / this.perFamily)] ?? 'counter';
  }

  cell(number: number): Cell {
    const family = this.familyOf(number);
    const index = number % this.perFamily;
    return family === 'scores' && this.leaderboard
      ? { key: `${this.keysPrefix}leaderboard`, member: `player:${index}` }
      : { key: `${this.keysPrefix}${WORDS[family]}:${index}` };
  }
}
