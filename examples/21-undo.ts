import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

/** What an applied update did is taken back by its inverse, once. */
export async function run({ producer, redis, key }: ExampleContext): Promise<Lesson> {
  const [xp, energy] = [key('player:flo:xp'), key('player:flo:energy')];
  const given = await producer.xp.award({ key: xp, amount: 50 });
  await given.outcome();
  const taken = await producer.revert(given.id);
  const takenOutcome = await taken.outcome();
  const again = await producer.revert(given.id);

  await (await producer.counters.increment({ key: energy, by: 10 })).outcome();
  const spent = await producer.submit({ operation: 'energy.spend', params: { key: energy, amount: 7 } });
  await spent.outcome();
  const back = await producer.revert(spent.id);

  return {
    title: 'Take back what an update did',
    steps: [
      { did: 'revert xp.award player:flo:xp amount 50', answer: takenOutcome },
      { did: 'revert it once more', answer: await again.outcome() },
      { did: 'revert energy.spend player:flo:energy amount 7', answer: await back.outcome() },
      { did: 'GET player:flo:energy', answer: await redis.get(energy) },
    ],
  };
}

await runAlone(import.meta, run);
