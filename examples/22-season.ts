import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

/** XP with levels, a season's leaderboard that needs no reset, and the best lap. */
export async function run({ producer, reader, key }: ExampleContext): Promise<Lesson> {
  const [xp, season, laps] = [key('xp:ann'), key('season'), key('laps')];
  const levels = [100, 300, 600];

  const won = await producer.xp.award({ key: xp, amount: 120, levels });
  const wonOutcome = await won.outcome();
  const fined = await producer.xp.take({ key: xp, amount: 50, levels });
  const finedOutcome = await fined.outcome();

  const monthly = { bucket: 'month', timeZone: 'Europe/Berlin' } as const;
  const match = await producer.scores.add({
    entries: [
      { key: season, member: 'ann', by: 3 },
      { key: season, member: 'bob', by: 1 },
    ],
    ...monthly,
    at: '2025-10-31T23:30:00Z', // in Berlin it is November
  });
  await match.outcome();
  const november = await reader.top(season, { ...monthly, at: '2025-11-15T12:00:00Z', limit: 3 });
  const current = await reader.top(season, monthly);

  for (const ms of [61_250, 62_000, 60_900]) {
    const lap = await producer.scores.best({ key: laps, member: 'ann', value: ms, keep: 'lowest' });
    await lap.outcome();
  }
  const fastest = await reader.top(laps, { order: 'asc' });

  return {
    title: 'Levels, seasons and best laps',
    steps: [
      { did: 'xp.award xp:ann amount 120', answer: wonOutcome },
      { did: 'xp.take xp:ann amount 50', answer: finedOutcome },
      { did: 'the leaderboard of November', answer: shown(november.entries) },
      { did: 'players of this month', answer: String(current.total) },
      { did: 'the fastest lap', answer: shown(fastest.entries) },
    ],
  };
}

function shown(entries: readonly { rank: number; member: string; score: number }[]): string {
  return entries.map(({ rank, member, score }) => `${rank} ${member} ${score}`).join(', ');
}

await runAlone(import.meta, run);
