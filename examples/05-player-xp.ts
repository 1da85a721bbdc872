import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

/** With `levels` (the XP at which each level begins), the result also tells the level. */
export async function run({ producer, key }: ExampleContext): Promise<Lesson> {
  const player = { key: key('player:ada'), field: 'xp' };

  const quest = await producer.xp.award({ ...player, amount: 20 });
  const questOutcome = await quest.outcome();

  const boss = await producer.xp.award({ ...player, amount: 90, levels: [50, 100, 200] });
  const bossOutcome = await boss.outcome();

  return {
    title: 'Award a player 20 XP, then enough to level up',
    steps: [
      { did: 'xp.award player:ada field xp amount 20', answer: questOutcome },
      { did: 'xp.award player:ada field xp amount 90 with levels', answer: bossOutcome },
    ],
  };
}

await runAlone(import.meta, run);
