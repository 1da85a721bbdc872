import { appendFileSync } from 'node:fs';
import { pino } from 'pino';
import { createSubscriber } from '../../src/index.js';
import { OPERATIONS } from './operations.js';
import { NAMESPACE, PREFIX } from './settings.js';
import type { SubscriberSettings } from './side.js';

/** The subscriber program of a fault run. It notes the id of each event once it has taken it; now and then it throws. */

const { redis, group, journal } = JSON.parse(process.argv[2] ?? '') as SubscriberSettings;
const ONE_IN = 40;

const subscriber = createSubscriber({
  redis,
  namespace: NAMESPACE,
  prefix: PREFIX,
  operations: OPERATIONS,
  group,
  start: 'beginning',
  concurrency: 4,
  takeOverAfterMs: 1_000,
  onOutcome: ({ id }) => {
    if (Math.random() * ONE_IN < 1) {
      throw new Error('not now');
    }
    appendFileSync(journal, `${id}\n`);
  },
  onGap: (gap) => {
    appendFileSync(journal, `gap ${JSON.stringify(gap)}\n`);
  },
  logger: pino({ level: 'error' }, pino.destination({ dest: 2, sync: true })),
});
await subscriber.ready();
process.on('SIGTERM', () => {
  void subscriber.close().then(() => process.exit(0));
});
process.send?.({ report: 'ready' });
