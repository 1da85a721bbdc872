import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

/** A leaderboard is a sorted set: each player a member. Those with equal scores share a rank. */
export async function run({ producer, reader, key }: ExampleContext): Promise<Lesson> {
  const board = key('board');
  const scores = { ada: 50, bo: 40, cy: 40, di: 30 };

  const entries = Object.entries(scores).map(([member, by]) => ({ key: board, member, by }));
  await (await producer.scores.add({ entries })).outcome();

  const top = await reader.top(board, { limit: 3 });
  const own = await reader.rank(board, 'di', { around: 1 });
  const [ada, none] = await reader.get([
    { key: board, member: 'ada' },
    { key: board, member: 'eve' },
  ]);

  return {
    title: 'The best of a leaderboard, and the place of one player',
    steps: [
      { did: 'the best three', answer: top.entries.map((entry) => `${entry.rank} ${entry.member}`).join(', ') },
      { did: 'the rank of di', answer: `${own?.rank} of ${own?.total}` },
      { did: 'around di', answer: (own?.entries ?? []).map((entry) => `${entry.rank} ${entry.member}`).join(', ') },
      { did: 'the scores of ada and eve', answer: `${ada?.value}, ${none?.value}` },
    ],
  };
}

await runAlone(import.meta, run);
