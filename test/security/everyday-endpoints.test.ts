import { expect, test } from 'vitest';
import { addKey } from '../support/api-keys.js';
import { startApi } from '../support/http-api.js';
import type { RunningApi } from '../support/http-api.js';
import { place } from '../support/tally.js';
import type { Place } from '../support/tally.js';

/** Attempts on the endpoints of everyday jobs: what is somebody else's, and what is too much. */

interface Scene {
  readonly here: Place;
  readonly api: RunningApi;
  /** Somebody else's: an update that was applied, one for later, one that failed. */
  readonly applied: string;
  readonly later: string;
  /** The secrets of keys: of whoever owns all of this, of another shop, one that only reads, and that of Prometheus. */
  readonly owner: string;
  readonly other: string;
  readonly reader: string;
  readonly metrics: string;
}

async function scene(): Promise<Scene> {
  const here = place();
  const api = await startApi(here);
  const worker = await here.worker();
  const producer = here.producer();
  const applied = await producer.counters.increment({ key: here.key('ann:n') });
  await here.client.set(here.key('ann:text'), 'no number');
  const failed = await producer.counters.increment({ key: here.key('ann:text') });
  await Promise.all([applied.outcome(), failed.outcome()]);
  await worker.close();
  const later = await producer.counters.increment({ key: here.key('ann:n') }, { delay: 3_600_000 });
  const update = { operation: 'counter.increment' as const, params: { key: here.key('ann:n') } };
  await producer.schedules.put({ id: 'nightly', cron: '0 3 * * *', update });
  const keys = [here.key('bob:*')];
  const [owner, other, reader, metrics] = await Promise.all([
    addKey(here),
    addKey(here, { keys }),
    addKey(here, { readOnly: true }),
    addKey(here, { metricsOnly: true }),
  ]);
  const secrets = { owner: owner.secret, other: other.secret, reader: reader.secret, metrics: metrics.secret };
  return { here, api, applied: applied.id, later: later.id, ...secrets };
}

type Attempt = readonly [method: string, path: string, body?: unknown];

async function send({ api }: Scene, secret: string, [method, path, body]: Attempt, headers = {}) {
  const response = await api.request(path, {
    method,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}`, ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

/** All that callers can change here. */
async function stateOf({ here }: Scene): Promise<unknown> {
  const { client, prefix, namespace } = here;
  const lists = ['wait', 'delayed', 'failed', 'completed'].map(async (state) => {
    const key = `${prefix}:counters:${state}`;
    return (await client.type(key)) === 'list' ? client.lrange(key, 0, -1) : client.zrange(key, '0', '-1');
  });
  const cells = [here.key('ann:n'), here.key('ann:text')];
  const schedules = client.hgetall(`${namespace}:schedules`);
  return [await Promise.all(lists), await client.mget(...cells), Object.keys(await schedules)];
}

async function expectNothingChanged(all: Scene, act: () => Promise<void>): Promise<void> {
  const before = await stateOf(all);
  await act();
  expect(await stateOf(all)).toEqual(before);
}

const cron = '0 3 * * *';

/** What changes something of somebody else's. */
function changesOf({ here, applied, later }: Scene): Attempt[] {
  const update = { operation: 'counter.increment', params: { key: here.key('ann:n') } };
  const both = [update, { operation: 'counter.increment', params: { key: here.key('bob:n') } }];
  return [
    ['DELETE', `/v1/updates/${later}`],
    ['POST', `/v1/updates/${applied}/revert`],
    ['POST', `/v1/updates/${applied}/revert?wait=100`],
    ['PUT', '/v1/schedules/mine', { cron, update }],
    ['PUT', '/v1/schedules/mine', { cron, update: { operation: 'transaction', params: { updates: both } } }],
    ['DELETE', '/v1/schedules/nightly'],
    ['POST', '/v1/updates', update],
    ['POST', '/v1/updates', both],
  ];
}

/** What only tells of it. */
function readsOf({ here, applied, later }: Scene): Attempt[] {
  const key = encodeURIComponent(here.key('ann:n'));
  return [
    ['GET', `/v1/updates/${applied}`],
    ['GET', `/v1/updates/${later}`],
    ['GET', '/v1/schedules/nightly'],
    ['GET', `/v1/cells?key=${key}`],
    ['GET', `/v1/cells/history?key=${key}`],
    ['GET', `/v1/cells/reservations?key=${key}`],
    ['GET', `/v1/cells/sum?key=${key}&bucket=day&from=2026-01-01&to=2026-01-02`],
    ['GET', `/v1/leaderboards?key=${key}`],
    ['POST', '/v1/cells/read', { cells: [{ key: here.key('bob:n') }, { key: here.key('ann:n') }] }],
  ];
}

test("somebody else's updates, schedules and cells are neither changed nor shown", async () => {
  const all = await scene();
  await expectNothingChanged(all, async () => {
    for (const attempt of [...changesOf(all), ...readsOf(all)]) {
      const { status, text } = await send(all, all.other, attempt);
      expect({ attempt, refused: [403, 404].includes(status) }).toEqual({ attempt, refused: true });
      expect(text).not.toContain('"value"');
    }
  });
  const { text } = await send(all, all.other, ['GET', '/v1/schedules']);
  expect(JSON.parse(text)).toEqual({ schedules: [] });
});

test("nobody's name for a schedule takes that of somebody else", async () => {
  const all = await scene();
  const mine = { cron, update: { operation: 'counter.increment', params: { key: all.here.key('bob:n') } } };
  await expectNothingChanged(all, async () => {
    const { status } = await send(all, all.other, ['PUT', '/v1/schedules/nightly', mine]);
    expect([403, 404, 409]).toContain(status);
  });
});

test("somebody else's failed updates are not counted, retried or removed, whatever the filter", async () => {
  const all = await scene();
  await all.here.client.set(all.here.key('ann:text'), 'still no number');
  const filters = [{}, { key: '*' }, { key: all.here.key('ann:*') }, { operation: '*' }, { reason: 'NOT_AN_INTEGER' }];
  await expectNothingChanged(all, async () => {
    for (const filter of filters) {
      const query = new URLSearchParams(filter as Record<string, string>).toString();
      const listed = await send(all, all.other, ['GET', `/v1/failures?${query}`]);
      expect(JSON.parse(listed.text)).toMatchObject({ updates: 0, groups: [], latest: [] });
      for (const path of ['retry', 'remove']) {
        const body = { ...filter, ...(path === 'remove' && { updates: 0 }) };
        const { text } = await send(all, all.other, ['POST', `/v1/failures/${path}`, body]);
        expect(JSON.parse(text)).toMatchObject({ matched: { updates: 0 }, done: { updates: 0 } });
      }
      const counted = await send(all, all.other, ['POST', '/v1/failures/remove', { ...filter, updates: 1 }]);
      expect(counted.status).toBe(409);
    }
  });
});

test('a key that only reads, or reads metrics only, changes nothing', async () => {
  const all = await scene();
  const more: Attempt[] = [
    ['POST', '/v1/failures/retry', {}],
    ['POST', '/v1/failures/remove', { updates: 1 }],
  ];
  await expectNothingChanged(all, async () => {
    for (const attempt of [...changesOf(all), ...more]) {
      expect({ attempt, status: (await send(all, all.reader, attempt)).status }).toEqual({ attempt, status: 403 });
      expect({ attempt, status: (await send(all, all.metrics, attempt)).status }).toEqual({ attempt, status: 403 });
    }
  });
});

test('pages of other sites change nothing, also with a key', async () => {
  const all = await scene();
  await expectNothingChanged(all, async () => {
    for (const attempt of changesOf(all)) {
      for (const from of [{ 'sec-fetch-site': 'cross-site' }, { origin: 'https://elsewhere.example' }]) {
        expect({ attempt, status: (await send(all, all.owner, attempt, from)).status }).toEqual({
          attempt,
          status: 403,
        });
      }
    }
  });
});

/** What could be too much, or leads elsewhere. */
const ODD: readonly (readonly [what: string, attempt: Attempt, statuses: readonly number[]])[] = [
  ['a pattern that could take for ever', ['GET', `/v1/failures?key=${'*a'.repeat(250)}`], [200]],
  ['the same to retry', ['POST', '/v1/failures/retry', { key: `${'*a'.repeat(250)}b` }], [200]],
  ['a key that is too long', ['GET', `/v1/failures?key=${'k'.repeat(600)}`], [400, 422]],
  ['a filter that is no text', ['POST', '/v1/failures/retry', { key: { $ne: '' } }], [400, 422]],
  ['a filter with a field too many', ['POST', '/v1/failures/remove', { kye: 'a', updates: 1 }], [400, 422]],
  ['a number of updates that is none', ['POST', '/v1/failures/remove', { updates: '1' }], [400, 422]],
  ['a schedule above them', ['GET', '/v1/schedules/..%2f..%2fusers'], [400, 404]],
  ['one that is named like a prototype', ['DELETE', '/v1/schedules/__proto__'], [400, 404]],
  ['one that runs all the time', ['PUT', '/v1/schedules/fast', { everyMs: 1, update: {} }], [400, 422]],
  ['a cron that is a bomb', ['PUT', '/v1/schedules/bomb', { cron: '*/1,'.repeat(5_000), update: {} }], [400, 422]],
  ['an update that is a path', ['DELETE', '/v1/updates/..%2f..%2fusers'], [400, 404]],
  ['a revert of one that is a pattern', ['POST', '/v1/updates/*/revert'], [400, 404]],
  [
    'a body that is deep',
    ['POST', '/v1/failures/retry', `${'['.repeat(50_000)}${']'.repeat(50_000)}`],
    [400, 413, 422],
  ],
  ['a prototype in a body', ['POST', '/v1/failures/retry', '{"__proto__":{"dryRun":false},"kye":1}'], [400, 422]],
  ['a key of Tally itself', ['GET', '/v1/cells/reservations?key=NAMESPACE:users'], [400, 403, 404, 422]],
  ['too many reservations', ['GET', '/v1/cells/reservations?key=a&limit=100000'], [400, 422]],
  ['an offset that is none', ['GET', '/v1/cells/reservations?key=a&offset=-1'], [400, 422]],
  ['too many cells', ['POST', '/v1/cells/read', { cells: Array(1_001).fill({ key: 'a' }) }], [400, 413, 422]],
];

test.each(ODD)('%s is refused, or answered in time', async (_what, [method, path, body], statuses) => {
  const all = await scene();
  await expectNothingChanged(all, async () => {
    const startedAtMs = performance.now();
    const { status, text } = await send(all, all.owner, [method, path.replace('NAMESPACE', all.here.namespace), body]);
    expect({ statuses, status, ok: statuses.includes(status) }).toEqual({ statuses, status, ok: true });
    expect(performance.now() - startedAtMs).toBeLessThan(20_000);
    expect(text).not.toMatch(/at .*\.js:\d+:\d+|scrypt/);
  });
});
