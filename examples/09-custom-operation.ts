import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

/** `energy.spend` is defined in energy-spend.ts. It shares its cell with any other operation. */
export async function run({ producer, key }: ExampleContext): Promise<Lesson> {
  const energy = key('player:bo:energy');
  const spend = async (amount: number) => {
    const submission = await producer.submit({ operation: 'energy.spend', params: { key: energy, amount } });
    return submission.outcome();
  };

  const rest = await producer.counters.increment({ key: energy, by: 10 });
  const restOutcome = await rest.outcome();

  return {
    title: 'Spend energy with an operation of your own',
    steps: [
      { did: 'counter.increment player:bo:energy by 10', answer: restOutcome },
      { did: 'energy.spend player:bo:energy amount 7', answer: await spend(7) },
      { did: 'energy.spend player:bo:energy amount 7', answer: await spend(7) },
    ],
  };
}

await runAlone(import.meta, run);
