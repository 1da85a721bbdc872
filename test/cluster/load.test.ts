import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { LoadResult } from '../../loadtest/load/result.js';
import { ApiServer, createApi } from '../../src/api/api.js';
import { slotOf } from '../../src/redis/slots.js';
import { mutatedCopy, NO_IDEMPOTENCY, ROOT, tallyOf } from '../load/mutated-copy.js';
import { runHere } from '../load/run-here.js';
import { place, until } from '../support/tally.js';
import { startCluster } from '../support/topology/cluster.js';
import type { Cluster } from '../support/topology/cluster.js';
import { startSecure } from '../support/topology/secure.js';
import { startSentinel } from '../support/topology/sentinel.js';

/** Locks short enough for a test. */
const QUICK = { lockDurationMs: 2_000, stalledIntervalMs: 500 };

describe('on a Cluster of three masters and three replicas', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await startCluster({ masters: 3, replicasPerMaster: 1 });
  });

  afterAll(async () => {
    await cluster.stop();
  });

  // The other scenarios do what all kinds together do: `test/load/scenarios.test.ts` has them on one server.
  test.each(['flash-sale', 'checkout'])('the totals of %s are exact', async (name) => {
    const here = place(cluster.url);
    await here.worker();
    const { tally } = await runHere(here, name, {});
    expect(tally.verdict).toMatchObject({ exact: true, undrained: 0, complaints: [] });
    expect(tally.counts.acknowledged).toBe(tally.counts.submitted);
  });

  test('all kinds of updates together are exact, and the result names the Cluster', async () => {
    const here = place(cluster.url);
    await here.worker();
    const { tally, settings } = await runHere(here, undefined, { rate: '500', duration: '2s', batch: '10' });
    expect(tally.verdict).toMatchObject({ exact: true, undrained: 0 });
    expect(new Set(tally.outcomes.map(({ operation }) => operation))).toContain('scores.add');
    expect(settings.topology).toEqual({
      mode: 'cluster',
      masters: (await cluster.masters()).map(({ port }) => `127.0.0.1:${port}`).sort(),
      replicas: 3,
      partitions: 8,
    });
  });

  test('over HTTP they are exact, too', async () => {
    const here = place(cluster.url);
    await here.worker();
    const api = createApi({ redis: here.redis, namespace: here.namespace, prefix: here.prefix, logger: here.logger });
    const server = new ApiServer(api.app).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const differently = { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
    const flags = { target: 'http', rate: '200', duration: '1s' };
    const { tally } = await runHere(here, undefined, flags, { differently });
    api.drain();
    await server.closeInOrder(1_000);
    await api.close();
    expect(tally.verdict).toMatchObject({ exact: true, undrained: 0 });
    expect(tally.counts).toMatchObject({ submitted: 200, acknowledged: 200, completed: 200 });
  });

  test('a worker that forgets idempotency keys is noticed', async () => {
    const { code, result } = await loadByCommand(mutatedCopy(...NO_IDEMPOTENCY), { REDIS_URL: cluster.url }, [
      ...['redelivery', '--rate', '200', '--duration', '1s'],
    ]);
    expect(code).toBe(1);
    expect(result.tally.verdict).toMatchObject({ exact: false, lost: 0 });
    expect(result.tally.verdict.doubled).toBeGreaterThan(0);
  });

  test('a plain queue is not set beside it', async () => {
    const here = place(cluster.url);
    await expect(runHere(here, undefined, { compare: 'plain-bullmq' })).rejects.toThrow('which a Cluster refuses');
  });

  test('a node on another machine needs to be allowed', async () => {
    const here = place(cluster.url);
    const differently = { redis: `${cluster.url}&node=192.0.2.1:6379` };
    await expect(runHere(here, undefined, {}, { differently })).rejects.toThrow('add --allow-remote');
  });
});

test(
  'while a master is killed and a slot moves, what replicas have confirmed is exact',
  { timeout: 180_000 },
  async () => {
    const cluster = await startCluster({ masters: 3, replicasPerMaster: 1 });
    onTestFinished(() => cluster.stop());
    const here = place(cluster.url);
    await here.worker({ ...QUICK, replicasToConfirm: 1 });
    await here.worker({ ...QUICK, replicasToConfirm: 1 });
    let runId = '';
    const view = { say: (what: string) => (runId = /load:([0-9a-f]+):/.exec(what)?.[1] ?? runId) };
    const ended = new AbortController();
    const flags = { concurrency: '50', duration: '2m', keys: '100', drain: '60s' };
    const running = runHere(here, undefined, flags, {
      view,
      signal: ended.signal,
      differently: { replicasToConfirm: 1 },
    });
    const hot = () => `load:${runId}:counter:0`;
    await until('the hottest counter grows', async () => Number(await here.client.get(hot())) > 50);

    const owner = await cluster.masterOfSlot(slotOf(hot()));
    const [other, victim] = (await cluster.masters()).filter((master) => master !== owner);
    await cluster.moveSlot(slotOf(hot()), other!);
    await victim!.kill();
    await cluster.untilHealthy();
    await victim!.start();
    await cluster.untilHealthy();
    const before = Number(await here.client.get(hot()));
    await until('it grows on', async () => Number(await here.client.get(hot())) > before + 50);
    ended.abort();

    const { tally } = await running;
    expect(tally.verdict).toMatchObject({ exact: true, lost: 0, doubled: 0, undrained: 0 });
  },
);

test('a load goes to the master that Sentinel names', async () => {
  const set = await startSentinel({ replicas: 1 });
  onTestFinished(() => set.stop());
  await set.untilHealthy();
  const here = place(set.url);
  await here.worker();
  const { tally, settings } = await runHere(here, undefined, { rate: '200', duration: '1s' });
  expect(tally.verdict.exact).toBe(true);
  expect(settings.topology).toEqual({ mode: 'sentinel', masters: [], replicas: 1 });
});

test('a load goes over TLS, with the authority of a file', async () => {
  const server = await startSecure({ users: ['user tally on >secret ~* &* +@all'] });
  onTestFinished(() => server.stop());
  const environment = {
    REDIS_URL: `rediss://tally:secret@127.0.0.1:${server.port}`,
    TALLY_REDIS_CA_FILE: server.caFile,
  };
  const args = ['--rate', '100', '--duration', '1s', '--compare', 'plain-bullmq'];
  const { code, result } = await loadByCommand(ROOT, environment, args);
  expect(result.tally.verdict).toMatchObject({ exact: true, undrained: 0 });
  expect(result.compared?.verdict.undrained).toBe(0);
  expect(code).toBe(0);
});

/** Runs `tally worker` and `tally load` of a tree. */
async function loadByCommand(
  root: string,
  environment: Record<string, string>,
  args: readonly string[],
): Promise<{ code: number; result: LoadResult }> {
  const folder = mkdtempSync(join(tmpdir(), 'tally-load-test-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const [program, ...first] = await tallyOf(root);
  const start = (...words: string[]) =>
    spawn(program, [...first, ...words], {
      cwd: root,
      env: { PATH: process.env['PATH'], LOG_LEVEL: 'silent', PORT: '0', ...environment },
      stdio: 'ignore',
    });
  const worker = start('worker');
  onTestFinished(async () => {
    if (worker.exitCode === null) {
      worker.kill('SIGTERM');
      await once(worker, 'exit');
    }
  });
  const json = join(folder, 'load.json');
  const [code] = (await once(start('load', ...args, '--json', json), 'exit')) as [number];
  return { code, result: JSON.parse(readFileSync(json, 'utf8')) as LoadResult };
}
