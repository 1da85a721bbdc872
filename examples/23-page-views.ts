import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

/** A view counts for its post, its day and where it came from: in one step, and once, however late the event arrives. */
export async function run({ producer, reader, key }: ExampleContext): Promise<Lesson> {
  const [views, sources] = [key('{post1}:views'), key('{post1}:sources')];
  const timeZone = 'Europe/Berlin';
  const count = (event: { id: string; at: string; source: string }) =>
    producer.submit({
      operation: 'transaction',
      params: {
        updates: [
          { operation: 'counter.increment', params: { key: views } },
          { operation: 'counter.increment', params: { key: views, bucket: 'day', timeZone, at: event.at } },
          { operation: 'counter.increment', params: { key: sources, field: event.source } },
        ],
      },
      idempotencyKey: event.id,
    });

  const events = [
    { id: key('event-1'), at: '2025-11-26T22:59:00Z', source: 'search' },
    { id: key('event-2'), at: '2025-11-26T23:01:00Z', source: 'feed' },
    { id: key('event-2'), at: '2025-11-26T23:01:00Z', source: 'feed' }, // delivered twice
  ];
  for (const event of events) {
    const counted = await count(event);
    await counted.outcome();
  }

  const week = await reader.sum(views, { bucket: 'day', from: '2025-11-24', to: '2025-11-30', timeZone });
  const [total, feed] = await reader.get([{ key: views }, { key: sources, field: 'feed' }]);

  return {
    title: 'Views of a post, by days and by where they came from',
    steps: [
      { did: 'all views, and those from the feed', answer: `${total?.value}, ${feed?.value}` },
      { did: 'the views of a week', answer: String(week.sum) },
      {
        did: 'day by day',
        answer: week.series.flatMap(({ bucket, value }) => (value === null ? [] : `${bucket} ${value}`)).join(', '),
      },
    ],
  };
}

await runAlone(import.meta, run);
