import { energySpend } from '../../examples/energy-spend.js';
import type { ExampleContext, Lesson } from '../../examples/example.js';
import { createSubscriber } from '../../src/index.js';
import type { Place } from './tally.js';

/** Runs an example in the test's own place; returns the answers of its steps. */
export async function answersOf(here: Place, run: (context: ExampleContext) => Promise<Lesson>) {
  await here.worker({ operations: [energySpend], outcomes: !here.client.isCluster });
  const producer = here.producer({ operations: [energySpend] });
  const { redis, namespace, prefix, logger } = here;
  const { steps } = await run({
    producer,
    subscribe: (options) =>
      createSubscriber({ redis, namespace, prefix, logger, operations: [energySpend], ...options }),
    reader: here.reader(),
    redis: here.client,
    key: (name) => here.key(name),
  });
  return steps.map(({ answer }) => answer);
}

export const applied = (result: unknown) => ({ status: 'applied', result });
