import type { Cell } from '../../src/index.js';
import type { Family } from './result.js';

export const FAMILIES = ['counter', 'inventory', 'xp', 'scores'] as const satisfies readonly Family[];

const WORDS: Readonly<Record<Family, string>> = { counter: 'counter', inventory: 'stock', xp: 'xp', scores: 'score' };

/** Players that play against each other. One update changes the scores of two, so their keys share a hash tag. */
const PLAYERS_OF_A_ROOM = 10;

/** The cells of one side of a load, by number. All their keys begin with the same words, and nobody else's do. */
export class Cells {
  readonly size: number;
  readonly #rooms: number;

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
    this.#rooms = leaderboard ? 1 : Math.ceil(perFamily / PLAYERS_OF_A_ROOM);
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
    const name = `${WORDS[family]}:${index}`;
    if (family !== 'scores') {
      return { key: `${this.keysPrefix}${name}` };
    }
    return this.leaderboard
      ? { key: `${this.keysPrefix}leaderboard`, member: `player:${index}` }
      : { key: `${this.keysPrefix}{room:${index % this.#rooms}}:${name}` };
  }

  /**
   * Whom a player plays against: the one that was drawn, or the one in that place of the player's room; undefined when
   * nobody else is there. Rooms have hot and cold players alike, so that no slot of a Cluster gets all of the hot ones.
   */
  opponentOf(player: number, drawn: number): number | undefined {
    const rooms = this.#rooms;
    const first = player % rooms;
    const place = drawn - (drawn % rooms) + first;
    const inRoom = place < this.perFamily ? place : place - rooms;
    const next = inRoom + rooms < this.perFamily ? inRoom + rooms : first;
    const opponent = inRoom === player ? next : inRoom;
    return opponent === player ? undefined : opponent;
  }
}
