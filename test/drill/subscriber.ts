import { appendFileSync } from 'node:fs';
import { pino } from 'pino';
import { createSubscriber } from '../../src/index.js';

/** The subscriber of the drill, a process of its own: notes the id of each update that it was told of. */

const { redis, group, journal } = JSON.parse(process.argv[2] ?? '') as Record<'redis' | 'group' | 'journal', string>;

const subscriber = createSubscriber({
  redis,
  group,
  start: 'beginning',
  onOutcome: ({ data }) => {
    appendFileSync(journal, `${data.id}\n`);
  },
  onGap: (gap) => {
    appendFileSync(journal, `gap ${JSON.stringify(gap)}\n`);
  },
  logger: pino({ level: 'warn' }, pino.destination({ dest: 2, sync: true })),
});
await subscriber.ready();
process.on('SIGTERM', () => {
  void subscriber.close().then(() => process.exit(0));
});
process.stdout.write('ready\n');
