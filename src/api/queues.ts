import { z } from 'zod';
import { reportQueues } from '../metrics/queue-report.js';
import type { ReadFrom } from '../metrics/redis-reading.js';
import { askRedis } from '../redis/ask-redis.js';
import type { Endpoint } from '../web/endpoint.js';

export interface QueuesDeps extends Omit<ReadFrom, 'queues'> {
  readonly timeoutMs: number;
}

const count = z.int().min(0);
const amount = z.number().min(0);

const queueAnswer = z.object({
  queue: z.string(),
  updatesWaiting: count.nullable().meta({ description: 'In more than five jobs an estimate, by a sample of them.' }),
  jobs: z.object({ waiting: count, active: count, delayed: count, failed: count }).nullable(),
  oldestWaitingSeconds: amount.nullable(),
  updatesPerSecond: amount.nullable().meta({ description: 'Completed in the last minute, for each second of it.' }),
  drainSeconds: amount.nullable().meta({
    description: 'How long what waits will take at that pace; null when nothing was completed in the last minute.',
  }),
  oldestFailedSeconds: amount.nullable(),
  oldestKeyedWindowRatio: amount.nullable().meta({
    description:
      'How much is over of the time within which the oldest keyed update that waits has to be applied: past 1 it is not.',
  }),
  failedFor: z
    .array(z.object({ status: z.string(), reason: z.string(), jobs: count }))
    .meta({ description: 'Reasons of the latest 200 failed jobs of each partition, the most frequent first.' }),
  paused: z.boolean().nullable(),
  rateLimit: z.object({ jobs: z.number(), perMs: z.number() }).nullable(),
  concurrencyLimit: z.number().nullable(),
  workers: count.nullable().meta({ description: 'Connected to the partition that has the fewest.' }),
  foreignWorkers: count.nullable().meta({ description: 'Of other programs: what they take is not applied.' }),
});

/** @param queues of the operations that this server knows */
export function queuesEndpoints(deps: QueuesDeps, queues: readonly string[]): Endpoint[] {
  return [
    {
      method: 'get',
      path: '/v1/queues',
      operationId: 'listQueues',
      summary: 'What waits in the queues, for how long, and what failed.',
      description: 'Null stands for what is not known, as while a master of a Cluster is unreachable.',
      answers: { 200: { description: 'Each queue.', schema: z.object({ queues: z.array(queueAnswer) }) } },
      problems: ['INVALID_QUERY', 'QUEUE_UNAVAILABLE', 'REDIS_REFUSED', 'STOPPING'],
      handlers: [
        async (_request, response) => {
          const report = reportQueues({ ...deps, queues });
          response.json({ queues: await askRedis(deps.redis, deps.timeoutMs, report) });
        },
      ],
    },
  ];
}
