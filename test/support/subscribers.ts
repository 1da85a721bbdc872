import { onTestFinished } from 'vitest';
import { createSubscriber } from '../../src/index.js';
import type { Gap, OutcomeEvent, SubscriberOptions, TallySubscriber } from '../../src/index.js';
import { place } from './tally.js';
import type { Place } from './tally.js';
import { streamKey } from './told.js';

export const increment = (key: string, by = 1) => ({ operation: 'counter.increment' as const, params: { key, by } });

/** What a subscriber was told, by the key and the value after. */
export class Listener {
  readonly told: string[] = [];
  readonly ids: string[] = [];
  readonly gaps: Gap[] = [];

  readonly hear = (event: OutcomeEvent): void => {
    this.ids.push(event.id);
    this.told.push(`${event.data.cells[0]?.key.split(':').at(-1)} ${event.data.cells[0]?.after} ${event.data.status}`);
  };
}

/** A subscriber of the group "g", closed after the test. */
export async function subscribe(
  here: Place,
  options: Partial<SubscriberOptions> & Pick<SubscriberOptions, 'onOutcome'>,
): Promise<TallySubscriber> {
  const { redis, namespace, prefix, logger } = here;
  const subscriber = createSubscriber({
    redis,
    namespace,
    prefix,
    logger,
    group: 'g',
    ...options,
  } as SubscriberOptions<never>);
  onTestFinished(() => subscriber.close());
  await subscriber.ready();
  return subscriber;
}

/** A worker that tells outcomes, and a way to submit one update a job. */
export async function telling(): Promise<{ here: Place; submit: (key: string, by?: number) => Promise<string> }> {
  const here = place();
  await here.worker({ outcomes: true });
  const producer = here.producer({ maxBatch: 1 });
  return {
    here,
    submit: async (key, by) => {
      const submission = await producer.submit(increment(here.key(key), by));
      await submission.outcome();
      return submission.id;
    },
  };
}

/** Jobs that the group was given and has not acknowledged. */
export async function pendingOf(here: Place): Promise<number> {
  const asked = here.client.xpending(await streamKey(here), 'g').catch((error: unknown) => {
    if ((error as Error).message.startsWith('NOGROUP')) {
      return [0]; // on a Cluster nobody has found the stream yet
    }
    throw error;
  });
  const [pending] = (await asked) as [number];
  return pending;
}
