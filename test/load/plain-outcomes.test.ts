import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { PlainOutcomes } from '../../loadtest/load/plain/plain-outcomes.js';
import { PLAIN_QUEUE } from '../../loadtest/plain-bullmq/queue.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';
import { place } from '../support/tally.js';

test('jobs of the plain side whose events were missed are looked at as fast as those of Tally, not 1,000 a second', async () => {
  skipUnlessOneServer('--compare is for one server');
  const { redis: url, prefix } = place();
  const redis = new Redis(url);
  const outcomes = new PlainOutcomes(url, prefix, redis);
  onTestFinished(async () => {
    await outcomes.close();
    redis.disconnect();
  });
  await outcomes.ready();
  const jobIds = Array.from({ length: 10_000 }, () => randomUUID());
  const coming = jobIds.map((jobId) => outcomes.follow(jobId));
  const written = redis.pipeline();
  for (const jobId of jobIds) {
    written.hset(`${prefix}:${PLAIN_QUEUE}:${jobId}`, { finishedOn: '1', returnvalue: '3' }); // and no event
  }
  const startedAt = performance.now();
  await written.exec();
  expect(await Promise.all(coming)).toContainEqual({ status: 'applied', result: { taken: 3 } });
  expect(performance.now() - startedAt).toBeLessThan(9_000); // ten seconds at 1,000 a second
});
