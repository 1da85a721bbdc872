import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

/** Both scores change in one atomic step. `member` makes them scores of a leaderboard, a sorted set. */
export async function run({ producer, key }: ExampleContext): Promise<Lesson> {
  const board = key('leaderboard');

  const firstRound = await producer.scores.add({
    entries: [
      { key: board, member: 'ada', by: 5 },
      { key: board, member: 'bo', by: 3 },
    ],
  });
  const firstOutcome = await firstRound.outcome();

  // Cy has no score yet: it starts at 0, and Ada keeps hers.
  const secondRound = await producer.scores.add({
    entries: [
      { key: board, member: 'ada', by: 5 },
      { key: board, member: 'cy', by: 3 },
    ],
  });
  const secondOutcome = await secondRound.outcome();

  return {
    title: 'Change the scores of two players at once, also when one is new',
    steps: [
      { did: 'scores.add ada by 5, bo by 3', answer: firstOutcome },
      { did: 'scores.add ada by 5, cy by 3', answer: secondOutcome },
    ],
  };
}

await runAlone(import.meta, run);
