import { randomBytes } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { openStore } from '../../src/layout/store.js';
import { createRegistry } from '../../src/operations/registry.js';
import { createOutcomeReader } from '../../src/subscribers/outcome-reader.js';
import { start, tally } from '../support/command.js';
import { ownRedis, place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { startReceiver } from '../support/webhook-receiver.js';

const ROUNDS = 4;
const UPDATES_A_ROUND = 60;

/** All that was told, by the raw stream. */
async function toldIds(here: Place): Promise<string[]> {
  const store = openStore({ ...here, connectionName: 'test-told', timeoutMs: 20_000 });
  const reader = createOutcomeReader({ store, registry: createRegistry(), namespace: here.namespace });
  const ids: string[] = [];
  let cursor = await reader.cursorAt('beginning');
  for (let isLast = false; !isLast;) {
    const page = await reader.read(cursor, 100);
    ids.push(...page.events.map(({ event }) => event.id));
    ({ cursor, isLast } = page);
  }
  reader.close();
  store.close();
  return ids;
}

test('every outcome is delivered at least once, and nothing else, though workers and Redis are killed', async () => {
  const redis = await ownRedis(['--appendfsync', 'always']);
  const here = place(redis.url);
  const receiver = await startReceiver();
  const refused = new Set<unknown>();
  receiver.answer = ({ headers: { 'webhook-id': id } }, nth) => {
    if (nth % 5 !== 0 || refused.has(id)) {
      return { status: 204, afterMs: 5 };
    }
    refused.add(id);
    return { status: 503 }; // the first attempt at a fifth of them
  };
  const environment = {
    REDIS_URL: redis.url,
    TALLY_NAMESPACE: here.namespace,
    TALLY_PREFIX: here.prefix,
    TALLY_OUTCOMES: 'true',
    TALLY_WEBHOOK_KEY: randomBytes(32).toString('base64'),
    TALLY_WEBHOOK_ALLOW_HTTP: 'true',
    TALLY_WEBHOOK_ALLOW_NETWORKS: '127.0.0.1',
    LOG_LEVEL: 'warn',
  };
  const added = await tally(environment, 'webhooks', 'add', receiver.url);
  expect(added).toMatchObject({ code: 0 });
  const secret = added.stdout.trim();
  const startWorker = () => {
    const worker = start(['worker'], environment);
    onTestFinished(async () => {
      worker.child.kill('SIGKILL');
      await worker.ended;
    });
    return worker;
  };
  const workers = [startWorker(), startWorker()];
  const producer = here.producer();
  const submit = async () => {
    for (let sent = 0; sent < UPDATES_A_ROUND; sent += 1) {
      const update = { operation: 'counter.increment', params: { key: here.key('n') } } as const;
      await producer.submit(update, { idempotencyKey: randomBytes(8).toString('hex') }).catch(() => undefined);
    }
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    const submitting = submit();
    const before = receiver.posts.length;
    await until('some are delivered', () => receiver.posts.length > before);
    workers[round % 2]!.child.kill('SIGKILL');
    if (round % 2 === 1) {
      process.kill(redis.pid(), 'SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, 300));
      await redis.start();
    }
    workers[round % 2] = startWorker();
    await submitting;
  }
  const told = async () => new Set(await toldIds(here));
  await until('all that was accepted is applied', async () => {
    const value = Number(await here.client.get(here.key('n')).catch(() => 0));
    return value > 0 && value === (await told()).size && (await here.client.llen(`${here.prefix}:counters:wait`)) === 0;
  });
  const ids = await told();
  expect(ids.size).toBeGreaterThan(ROUNDS * UPDATES_A_ROUND * 0.5);
  const delivered = () => new Set(receiver.verified(secret).map(({ id }) => id));
  await until('all are delivered', () => [...ids].every((id) => delivered().has(id)), 240_000);
  expect([...delivered()].filter((id) => !ids.has(id))).toEqual([]);
}, 600_000);
