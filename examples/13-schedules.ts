import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

const timeZone = 'Europe/Berlin';

/** Counters that start anew at midnight, seasons of a leaderboard, XP that fades. */
export function typicalSchedules(key: (name: string) => string) {
  return [
    {
      id: 'views-daily',
      cron: '0 0 * * *', // at midnight in Berlin, summer and winter
      timeZone,
      update: { operation: 'counter.set', params: { key: key('views:today'), value: 0 } },
    },
    {
      id: 'season',
      cron: '0 0 1 * *', // on the first: scores go to the leaderboard `scores:season-<number>`, the old ones stay to be read
      timeZone,
      update: { operation: 'counter.increment', params: { key: key('season') } },
    },
    {
      id: 'xp-fades',
      cron: '0 4 * * 1', // on Mondays at four, and never below 0
      timeZone,
      update: { operation: 'xp.take', params: { key: key('xp:ann'), amount: 50 } },
    },
  ] as const;
}

/** Again and again: put as often as the service starts, each run takes effect once. */
export async function run({ producer, key }: ExampleContext): Promise<Lesson> {
  const { schedules } = producer;
  for (const schedule of typicalSchedules(key)) {
    await schedules.put(schedule);
  }
  const listed = await schedules.list();
  for (const { id } of listed) {
    await schedules.remove(id);
  }
  return {
    title: 'Updates that are made again and again',
    steps: listed.map(({ id, cron, nextRunAt }) => ({
      did: `schedule ${id}, "${cron ?? ''}" in Berlin`,
      answer: nextRunAt === undefined ? null : 'has a next run',
    })),
  };
}

await runAlone(import.meta, run);
