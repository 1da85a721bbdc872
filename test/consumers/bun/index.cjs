const { createProducer } = require('tally');
const { startTally } = require('tally/testing');

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

if (!process.versions.bun) {
  throw new Error('not run by Bun');
}
