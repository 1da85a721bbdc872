import { z } from 'zod';
import { createProducer, defineOperation } from 'tally';
import type { Outcome } from 'tally';
import { startTally } from 'tally/testing';

const energySpend = defineOperation({
  name: 'energy.spend',
  params: z.strictObject({ key: z.string(), amount: z.int().min(1) }),
  cells: ({ key }) => [{ key }],
  args: ({ amount }) => [amount],
  lua: 'return function(cells, args) local left = cells[1] - args[1] return { left }, { left } end',
  result: ([energy = 0]) => ({ energy }),
});

async function main(): Promise<void> {
  const tally = await startTally({ operations: [energySpend] });
  const producer = createProducer({ redis: tally.redis, operations: [energySpend] });
  try {
    const spent = await producer.submit({ operation: 'energy.spend', params: { key: 'bo', amount: 7 } });
    const outcome: Outcome<{ energy: number }> = await spent.outcome();
    if (outcome.status !== 'applied' || outcome.result.energy !== -7) {
      throw new Error(JSON.stringify(outcome));
    }
    // @ts-expect-error -- a text is no amount
    await producer.submit({ operation: 'energy.spend', params: { key: 'bo', amount: '7' } }).catch(() => undefined);
  } finally {
    await producer.close();
    await tally.stop();
  }
}

void main();
