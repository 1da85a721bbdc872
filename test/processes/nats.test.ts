import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { Nats } from '../../examples/nats/nats.js';
import type { OutcomeEvent } from '../../src/index.js';
import { freePort } from '../../src/redis/embedded.js';
import { builtProgram } from '../support/built-program.js';
import { temporaryFolder } from '../support/running.js';
import { ownRedis, place, until } from '../support/tally.js';
import { allTold } from '../support/told.js';
import { ProcessVictim } from './shop/victims.js';

const NATS_SERVER = 'nats-server';
const MISSING =
  "nats-server is not on the PATH: it is in Debian's package of that name; without it the bridge is not tried";
const BRIDGE = new URL('../../examples/nats/bridge.ts', import.meta.url);
const MESSAGES = 60;

/** A broker of the test's own. */
async function startNats(): Promise<{ url: string; client: Nats }> {
  const port = await freePort();
  const args = ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', temporaryFolder()];
  const child = spawn(NATS_SERVER, args, { stdio: 'ignore' });
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const url = `nats://127.0.0.1:${port}`;
  let client: Nats | undefined;
  await until('NATS answers', async () => {
    client = await Nats.connect(url).catch(() => undefined);
    return client !== undefined;
  });
  onTestFinished(() => {
    client?.close();
  });
  return { url, client: client! };
}

const api = async (nats: Nats, subject: string, what: object = {}) =>
  JSON.parse((await nats.request(`$JS.API.${subject}`, JSON.stringify(what), { timeoutMs: 20_000 })).body) as Record<
    string,
    unknown
  >;

/** What JetStream holds in a stream: the ids of messages, and what they say. */
async function messagesOf(nats: Nats, stream: string): Promise<OutcomeEvent[]> {
  const { state } = (await api(nats, `STREAM.INFO.${stream}`)) as { state?: { last_seq: number } };
  const found: OutcomeEvent[] = [];
  for (let seq = 1; seq <= (state?.last_seq ?? 0); seq += 1) {
    const { message } = (await api(nats, `STREAM.MSG.GET.${stream}`, { seq })) as { message: { data: string } };
    found.push(JSON.parse(Buffer.from(message.data, 'base64').toString()) as OutcomeEvent);
  }
  return found;
}

test('what a broker delivers takes effect once, and outcomes reach it, though the bridge is killed', async ({
  skip,
}) => {
  if (spawnSync(NATS_SERVER, ['--version']).status !== 0) {
    if (process.env['CI']) {
      throw new Error(MISSING);
    }
    skip(MISSING);
  }
  const { url, client } = await startNats();
  const here = place((await ownRedis(['--appendfsync', 'always'])).url);
  await here.worker({ outcomes: true });
  const environment = {
    REDIS_URL: here.redis,
    TALLY_NAMESPACE: here.namespace,
    TALLY_PREFIX: here.prefix,
    NATS_URL: url,
  };
  // What JetStream would sort out itself within two minutes comes to Tally here.
  const config = { name: 'UPDATES', subjects: ['updates.>'], duplicate_window: 100_000_000 };
  await api(client, 'STREAM.CREATE.UPDATES', config);
  const bridge = new ProcessVictim('bridge', [await builtProgram(BRIDGE)], environment);
  await bridge.start();

  const publish = (id: string, body: string) => client.request('updates.shop', body, { id, timeoutMs: 20_000 });
  const take = JSON.stringify({
    operation: 'inventory.take',
    params: { key: 'stock:lamp', quantity: 1, whenShort: 'reject' },
  });
  await (await here.producer().inventory.restock({ key: 'stock:lamp', quantity: 40 })).outcome({ timeoutMs: 60_000 });
  await publish('no-json', 'nonsense');
  await publish('no-update', '{"operation":"inventory.steal","params":{}}');
  for (let round = 0; round < 2; round += 1) {
    for (let nth = 0; nth < MESSAGES; nth += 1) {
      await publish(`order-${nth}`, take);
    }
    const handled = (await allTold(here)).length;
    if (round === 0) {
      await until('the bridge is at work', async () => (await allTold(here)).length > handled || handled > 1);
      await bridge.kill();
      await bridge.start();
      await wait(200);
    }
  }
  await until(
    'all messages are done with',
    async () => {
      const info = await api(client, 'CONSUMER.INFO.UPDATES.tally');
      return info['num_pending'] === 0 && info['num_ack_pending'] === 0;
    },
    120_000,
  );
  await until('all orders are told', async () => (await allTold(here)).length === MESSAGES + 1, 60_000);
  const told = await allTold(here);
  expect(await here.client.get('stock:lamp')).toBe('0');
  expect(told.filter(({ data }) => data.status === 'rejected').length).toBe(MESSAGES - 40);
  const ids = new Set(told.map(({ id }) => id));
  await until(
    'all outcomes are published',
    async () => new Set((await messagesOf(client, 'OUTCOMES')).map(({ id }) => id)).size === ids.size,
    60_000,
  );
  const published = await messagesOf(client, 'OUTCOMES');
  expect(published.filter(({ id }) => !ids.has(id))).toEqual([]);
  expect(published.find(({ data }) => data.idempotencyKey === 'order-0')).toEqual(
    told.find(({ data }) => data.idempotencyKey === 'order-0'),
  );
  expect(await bridge.stop(), bridge.errors).toBe(0);
}, 400_000);
