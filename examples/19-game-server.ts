import type { Producer, Reader } from '../src/index.js';
import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

/** Total XP from which on a player has the next level. */
const LEVELS = [100, 300, 600];

export interface Match {
  readonly id: string;
  readonly winner: string;
  readonly loser: string;
}

/** The seed of a game server: XP with levels, and a leaderboard on which both players of a match move together. */
export class GameServer {
  constructor(
    private readonly producer: Pick<Producer, 'xp' | 'scores'>,
    private readonly reader: Pick<Reader, 'top'>,
    private readonly key: (name: string) => string,
  ) {}

  /** However often a match is reported, it counts once. @returns the level of the winner */
  async ended({ id, winner, loser }: Match): Promise<number> {
    const options = { idempotencyKey: `match-${id}` };
    const board = this.key('leaderboard');
    const entries = [
      { key: board, member: winner, by: 3 },
      { key: board, member: loser, by: -1 },
    ];
    await this.producer.scores.add({ entries }, options);
    const award = { key: this.key(`xp:${winner}`), amount: 60, levels: LEVELS };
    const outcome = await (await this.producer.xp.award(award, options)).outcome();
    if (outcome.status !== 'applied') {
      throw new Error(`match ${id}: ${outcome.status} ${outcome.reason}`);
    }
    return outcome.result.level ?? 0;
  }

  async best(limit: number): Promise<string[]> {
    const { entries } = await this.reader.top(this.key('leaderboard'), { limit });
    return entries.map(({ rank, member, score }) => `${rank}. ${member} ${score}`);
  }
}

/** Two matches, one of them reported twice. */
export async function run({ producer, reader, key }: ExampleContext): Promise<Lesson> {
  const game = new GameServer(producer, reader, key);
  const levels: string[] = [];
  for (const id of ['1', '2', '2']) {
    levels.push(`level ${await game.ended({ id: key(id), winner: 'ann', loser: 'bo' })}`);
  }
  return {
    title: 'A game server',
    steps: [
      ...levels.map((answer, index) => ({ did: `match ${['1', '2', '2, again'][index] ?? ''}: ann beats bo`, answer })),
      { did: 'the best', answer: (await game.best(10)).join(', ') },
    ],
  };
}

await runAlone(import.meta, run);
