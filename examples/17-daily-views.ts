import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

/** Counting by days needs no resets: each day has a key of its own, which goes when it is not needed any more. */
export async function run({ producer, reader, redis, key }: ExampleContext): Promise<Lesson> {
  const views = key('views:post1');
  const daily = { bucket: 'day', timeZone: 'Europe/Berlin' } as const;

  const now = await producer.counters.increment({ key: views, ...daily, keepBuckets: 400 });
  await now.outcome();

  // Events that arrive late count where they belong.
  const times = ['2025-11-26T22:59:00Z', '2025-11-26T23:01:00Z', '2025-11-27T12:00:00Z'];
  for (const at of times) {
    const late = await producer.counters.increment({ key: views, ...daily, at });
    await late.outcome();
  }

  const sum = await reader.sum(views, {
    bucket: 'day',
    from: '2025-11-26',
    to: '2025-11-27',
    timeZone: 'Europe/Berlin',
  });

  const tooLate = await producer.counters.increment({ key: views, ...daily, at: times[0], lateBySeconds: 0 });
  const tooLateOutcome = await tooLate.outcome();

  return {
    title: 'Views by days, in Berlin',
    steps: [
      { did: 'GET views:post1:2025-11-27', answer: await redis.get(`${views}:2025-11-27`) },
      { did: 'the views of two days', answer: String(sum.sum) },
      { did: 'day by day', answer: sum.series.map(({ bucket, value }) => `${bucket} ${value}`).join(', ') },
      { did: 'counter.increment views:post1 at 2025-11-26, lateBySeconds 0', answer: tooLateOutcome },
    ],
  };
}

await runAlone(import.meta, run);
