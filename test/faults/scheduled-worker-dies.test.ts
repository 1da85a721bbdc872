import { expect, test } from 'vitest';
import { startWorkerProcess } from '../support/child.js';
import { place, until } from '../support/tally.js';

const QUICK = { lockDurationMs: 1_000, stalledIntervalMs: 500 };
const HOUR = 3_600_000;

const increment = (key: string) => ({ operation: 'counter.increment' as const, params: { key, by: 5 } });

test.each(['before-script', 'after-script'] as const)(
  'a run of a schedule whose worker dies %s takes effect once, and the next run is planned',
  async (point) => {
    const here = place();
    const { schedules } = here.producer();
    const doomed = await startWorkerProcess(here, point, QUICK);
    await schedules.put({ id: 'hourly', everyMs: HOUR, update: increment(here.key('n')) });
    expect(await doomed.ended).toBe('SIGKILL');
    await here.worker(QUICK);
    await until(
      'another worker has ended it',
      async () => (await schedules.get('hourly'))?.lastRun !== undefined,
      30_000,
    );
    const schedule = await schedules.get('hourly');
    expect(schedule).toMatchObject({ lastRun: { outcome: { status: 'applied', result: { value: 5 } } } });
    expect(schedule!.nextRunAt!.getTime() - schedule!.lastRun!.at.getTime()).toBe(HOUR);
    expect(await here.client.get(here.key('n'))).toBe('5');
  },
  120_000,
);

test.each(['before-script', 'after-script'] as const)(
  'a cancelled update whose worker dies %s ends as cancelled with the next one',
  async (point) => {
    const here = place();
    const producer = here.producer();
    const doomed = await startWorkerProcess(here, point, QUICK);
    const submission = await producer.submit(increment(here.key('n')), { delay: HOUR });
    await producer.cancel(submission.id);
    expect(await doomed.ended).toBe('SIGKILL');
    await here.worker(QUICK);
    const attempts = async () => (await producer.find(submission.id))?.attempts;
    await until('another worker has ended it', async () => ((await attempts()) ?? 0) > 0, 30_000);
    expect(await producer.find(submission.id)).toMatchObject({ outcome: { status: 'cancelled' } });
    expect(await here.client.exists(here.key('n'))).toBe(0);
  },
  120_000,
);
