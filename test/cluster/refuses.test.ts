import { expect, onTestFinished, test } from 'vitest';
import { createMetrics, RedisRefusedError } from '../../src/index.js';
import { slotOf } from '../../src/redis/slots.js';
import { startApi } from '../support/http-api.js';
import type { ShownProblem } from '../support/http-api.js';
import { place, until } from '../support/tally.js';
import { startCluster } from '../support/topology/cluster.js';

type Answer = ShownProblem & { redisCode?: string };

test(
  'a Cluster that has lost a slot, and then serves none, is told so as CLUSTERDOWN',
  { timeout: 120_000 },
  async () => {
    const cluster = await startCluster({ replicasPerMaster: 0, settings: ['--cluster-require-full-coverage', 'yes'] });
    onTestFinished(() => cluster.stop());
    const here = place(cluster.url);
    const metrics = createMetrics();
    const producer = here.producer({ submitTimeoutMs: 2_000, metrics });
    const { get, post } = await startApi(here, { submitTimeoutMs: 2_000 });
    const update = { operation: 'counter.increment', params: { key: here.key('n') } };
    await producer.counters.increment(update.params);
    expect((await post('/v1/updates', update)).status).toBe(202);
    expect((await get('/readyz')).status).toBe(200);

    const lost = (slotOf(here.key('n')) + 1) % 16_384; // one that holds nothing of ours
    await Promise.all(cluster.nodes.map((node) => node.run('CLUSTER', 'DELSLOTS', lost)));
    await until('it serves nothing', async () => {
      const states = await Promise.all(cluster.nodes.map((node) => node.run('CLUSTER', 'INFO')));
      return states.every((state) => String(state).includes('cluster_state:fail'));
    });

    const failure: unknown = await producer.counters.increment(update.params).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RedisRefusedError);
    expect(failure).toMatchObject({ code: 'REDIS_REFUSED', redisCode: 'CLUSTERDOWN' });
    for (const answer of [
      await post<Answer>('/v1/updates', update),
      await post<Answer>('/v1/updates', [update, update]),
      await get<Answer>(`/v1/cells?key=${encodeURIComponent(here.key('n'))}`),
    ]) {
      expect({ retryAfter: answer.headers.get('retry-after'), ...answer.body }).toMatchObject({
        status: 503,
        retryAfter: '5',
        code: 'REDIS_REFUSED',
        redisCode: 'CLUSTERDOWN',
        detail: expect.stringContaining('its Cluster does not serve all slots: see CLUSTER INFO') as string,
      });
    }
    const ready = await get<Answer>('/readyz');
    expect(ready).toMatchObject({ status: 503, body: { code: 'NOT_READY' } });
    expect(ready.body).toMatchObject({ redisCode: 'CLUSTERDOWN', errors: [{ code: 'REDIS_REFUSED' }] });
    expect(await metrics.text()).toMatch(/tally_redis_refusals_total\{code="CLUSTERDOWN"\} [1-9]/);

    await cluster.nodes[0]?.run('CLUSTER', 'ADDSLOTS', lost);
    await until('it accepts again', async () => (await post('/v1/updates', update)).status === 202);
  },
);
