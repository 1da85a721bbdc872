import { createProducer } from 'tally';
import { startTally } from 'tally/testing';

async function main() {
  const tally = await startTally();
  const { counters } = createProducer({ redis: tally.redis });
  const outcome = await (await counters.increment({ key: 'visits', by: 5 })).outcome();
  if (outcome.result?.value !== 5) {
    throw new Error(JSON.stringify(outcome));
  }
  await tally.stop();
  process.exit(0);
}

void main();

// The oldest that is promised.
if (process.versions.node !== '20.19.0') {
  throw new Error(process.versions.node);
}
