import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import type { Producer } from '../../src/index.js';
import { Partitions } from '../../src/layout/partitions.js';
import { startEmbeddedRedis } from '../../src/redis/embedded.js';
import { startCluster } from '../support/topology/cluster.js';
import { tally } from '../support/command.js';
import { ended, jobOf, openQueue } from '../support/queues.js';
import { keysLike, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const run = promisify(execFile);

/** What the README has people set on the one server before the move; a Cluster has it anyway. */
const SPLIT = { partitions: 8 };

async function ownServer(): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tally-test-'));
  const server = await startEmbeddedRedis({ dataDir });
  onTestFinished(async () => {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return server.url;
}

/** An update that its batch put back, that was applied, and whose job was removed: its receipt stays for the batch's sake. */
async function putBackAndRemoved(old: Place, producer: Producer): Promise<string> {
  const [bad, good] = [old.key('bad'), old.key('good')];
  await old.client.lpush(bad, 'x');
  const params = [{ key: bad }, { key: good }];
  const [update] = await producer.submit(
    params.map((each) => ({ operation: 'counter.increment' as const, params: each })),
  );
  expect(await update!.outcome()).toMatchObject({ status: 'failed' });
  await old.client.del(bad);
  const queue = openQueue(old, 'counters', new Partitions(old.prefix, SPLIT.partitions).ofJob(update!.jobId).prefix);
  await (await ended(queue, update!.id)).retry('failed');
  await until('it is completed', async () => (await queue.getJobState(update!.id)) === 'completed');
  await (await jobOf(queue, update!.id)).remove();
  return update!.id;
}

test('a move from one server to a Cluster takes along values, waiting jobs and idempotency keys', async () => {
  const cluster = await startCluster({ masters: 3, replicasPerMaster: 0 });
  onTestFinished(() => cluster.stop());
  const url = await ownServer();
  const old = place(url);
  const { namespace, prefix } = old;
  const keys = Array.from({ length: 50 }, (_, number) => `${namespace}-${number}`);
  const updates = keys.map((key) => ({
    operation: 'counter.increment' as const,
    params: { key },
    idempotencyKey: `first ${key}`,
  }));
  const worker = await old.worker(SPLIT);
  const producer = old.producer(SPLIT);
  const done = await producer.submit(updates);
  await Promise.all(done.map((submission) => submission.outcome()));
  const healed = await putBackAndRemoved(old, producer);
  await worker.close();
  const waiting = await producer.submit(
    keys.map((key) => ({ operation: 'counter.increment' as const, params: { key, by: 10 } })),
  );
  await producer.close();

  const settings = { TALLY_NAMESPACE: namespace, TALLY_PREFIX: prefix };
  const prepared = await tally({ REDIS_URL: url, ...settings }, 'prepare-cluster');
  expect(prepared, prepared.stderr).toMatchObject({ code: 0 });
  expect(prepared.stdout).toContain('50 receipts of idempotency keys lie where a Cluster looks for them\n');
  expect(await keysLike(old, `${namespace}:{*}:job:*:${healed}`)).toHaveLength(1);
  expect(await keysLike(old, `${namespace}:job:*:${healed}`)).toEqual([]);
  const [node] = await cluster.masters();
  await run(
    'redis-cli',
    [...['--cluster', 'import', `127.0.0.1:${node!.port}`], ...['--cluster-from', new URL(url).host, '--cluster-copy']],
    { maxBuffer: 64 * 1024 * 1024 },
  ); // it prints each key

  const moved = place(cluster.url);
  await moved.worker({ namespace, prefix });
  const again = moved.producer({ namespace, prefix });
  const repeated = await again.submit(updates);
  expect(await Promise.all(repeated.map((submission) => submission.outcome()))).toEqual(
    keys.map(() => ({ status: 'applied', result: { value: 1, applied: 1 }, duplicate: true })),
  );
  const ran = await Promise.all(waiting.map(({ id }) => again.find(id)));
  expect(ran.every((found) => found !== undefined)).toBe(true);
  await expect
    .poll(() => Promise.all(keys.map((key) => moved.client.get(key))), { timeout: 15_000 })
    .toEqual(keys.map(() => '11'));
});
