import { setTimeout as wait } from 'node:timers/promises';
import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

/** The producer remembers keys for a day: an hour of it to spare. */
const REMEMBERED_MS = 23 * 3_600_000;

/** Every week all players lose XP: a schedule counts the weeks, and who hears of a new one sends an update for each player. */
export async function run({ producer, reader, subscribe, key }: ExampleContext): Promise<Lesson> {
  const pages = [['ann', 'bob'], ['cy']]; // of your own table of players, 1,000 at a time
  const players = pages.flat();
  for (const [index, player] of players.entries()) {
    await (await producer.xp.award({ key: key(`xp:${player}`), amount: 40 * (index + 1) })).outcome();
  }

  const fade = (player: string, week: number, since: string) => {
    const sendBefore = new Date(Date.parse(since) + REMEMBERED_MS);
    const options = { idempotencyKey: `fade-${week}:${player}`, sendBefore };
    return producer.xp.take({ key: key(`xp:${player}`), amount: 50 }, options);
  };

  const fading = subscribe({
    group: 'xp-fades',
    filter: { operations: ['counter.increment'], statuses: ['applied'], keys: [key('xp-weeks')] },
    onOutcome: async ({ data, time }) => {
      const week = data.cells[0]?.after ?? 0;
      for (const page of pages) {
        await Promise.all(page.map((player) => fade(player, week, time))); // then Redis has them
      }
    },
  });
  await fading.ready();

  await producer.schedules.put({
    id: 'xp-weeks',
    everyMs: 7 * 24 * 3_600_000, // at once, then every week; or on Mondays: cron: '0 4 * * 1', timeZone: 'Europe/Berlin'
    update: { operation: 'counter.increment', params: { key: key('xp-weeks') } },
  });
  const xp = async () => {
    const cells = await reader.get(players.map((player) => ({ key: key(`xp:${player}`) })));
    return cells.map(({ value }) => value).join(', ');
  };
  while ((await xp()) !== '0, 30, 70') {
    await wait(20);
  }
  await producer.schedules.remove('xp-weeks');
  await fading.close();

  // A service that dies before it is done is told of the week once more:
  const again = await Promise.all(players.map((player) => fade(player, 1, new Date().toISOString())));
  const [ofAnn = null] = await Promise.all(again.map((submission) => submission.outcome()));

  return {
    title: 'XP of all players fades every week',
    steps: [
      { did: 'xp.take xp:ann amount 50, sent once more for the same week', answer: ofAnn },
      { did: 'XP of ann, bob, cy, who had 40, 80, 120', answer: await xp() },
    ],
  };
}

await runAlone(import.meta, run);
