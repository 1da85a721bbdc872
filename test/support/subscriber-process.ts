import { pino } from 'pino';
import { createSubscriber } from '../../src/index.js';
import type { SubscriberOptions } from '../../src/index.js';
import { connectPatiently } from '../../src/redis/connect.js';

/**
 * A real subscriber in a process of its own, which notes the id of each event that it is told in a list of Redis:
 *
 *   node --import tsx subscriber-process.ts '{"options":{"redis":"redis://...","group":"g",...},"heard":"KEY","then":"throw"}'
 *
 * take   the event is handled
 * throw  it fails, each time
 * hang   its handler never ends
 */
export interface SubscriberProcessSettings {
  readonly options: Pick<SubscriberOptions, 'namespace' | 'prefix' | 'group' | 'maxAttempts' | 'takeOverAfterMs'> & {
    readonly redis: string;
  };
  readonly heard: string;
  readonly then: 'take' | 'throw' | 'hang';
}

const { options, heard, then } = JSON.parse(process.argv[2] ?? '') as SubscriberProcessSettings;
const logger = pino({ level: 'silent' });
const redis = connectPatiently(options.redis, 'test-heard', logger);
const subscriber = createSubscriber({
  ...options,
  start: 'beginning',
  logger,
  onOutcome: async ({ id }) => {
    await redis.rpush(heard, id);
    if (then === 'throw') {
      throw new Error('the mail server is away');
    }
    if (then === 'hang') {
      await new Promise(() => undefined);
    }
  },
});
await subscriber.ready();
process.send?.('ready');
