import { expect, test } from 'vitest';
import { clusterOfThisFile } from '../support/cluster-of-this-file.js';
import { place } from '../support/tally.js';

const cluster = clusterOfThisFile();

const KEYS = 40;

test('updates of all masters are reverted once each, also by a producer with other partitions', async () => {
  const here = place(cluster.url);
  await here.worker({ partitions: 4 });
  const [producer, other] = [here.producer({ partitions: 4 }), here.producer({ partitions: 8 })];
  const keys = Array.from({ length: KEYS }, (_, n) => here.scattered(`n${n}`));
  const values = () => Promise.all(keys.map((key) => here.client.get(key)));

  const sent = await producer.submit(
    keys.map((key, n) => ({
      operation: 'counter.increment' as const,
      params: { key, by: 5 },
      ...(n % 2 === 0 && { idempotencyKey: `order-${n}` }),
    })),
  );
  await Promise.all(sent.map((submission) => submission.outcome()));
  expect(await values()).toEqual(keys.map(() => '5'));

  const backs = await Promise.all(
    sent.flatMap(({ id }) => [producer.revert(id), other.revert(id), producer.revert(id)]),
  );
  const outcomes = await Promise.all(backs.map((back) => back.outcome({ timeoutMs: 60_000 })));
  expect(outcomes.filter(({ status }) => status === 'applied')).toHaveLength(3 * KEYS);
  expect(outcomes.filter((outcome) => 'duplicate' in outcome)).toHaveLength(2 * KEYS);
  expect(await values()).toEqual(keys.map(() => '0'));
});
