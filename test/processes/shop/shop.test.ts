import { randomBytes, randomInt } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import type { Line, Order } from '../../../examples/shop/orders.js';
import type { OutcomeEvent } from '../../../src/index.js';
import { freePort } from '../../../src/redis/embedded.js';
import { createRandom, MAX_SEED } from '../../faults/random.js';
import { builtProgram } from '../../support/built-program.js';
import { tally } from '../../support/command.js';
import { temporaryFolder } from '../../support/running.js';
import { ownRedis, place, until } from '../../support/tally.js';
import { TALLY } from '../../support/tally-command.js';
import { allTold } from '../../support/told.js';
import { startReceiver } from '../../support/webhook-receiver.js';
import { faultsOfStream, linesOf, mailsDue } from './evidence.js';
import { buy, deliver } from './traffic.js';
import type { Delivery } from './traffic.js';
import { ProcessVictim, redisVictim, strike } from './victims.js';

/*
 * The services of examples/shop, while they, the workers and Redis are killed at random. Longer, or once more as it was:
 *
 *   SHOP_SECONDS=300 SHOP_SEED=4711 npx vitest run --config vitest.long.config.ts test/processes/shop
 */
const SECONDS = Number(process.env['SHOP_SECONDS'] ?? 30);
const SEED = Number(process.env['SHOP_SEED'] ?? randomInt(1, MAX_SEED));
const BUYERS = 6;
const CATCH_UP_MS = 180_000;

/** On a busy machine it goes on for longer, until there is enough to judge. */
const AT_MOST_MS = SECONDS * 1000 + 180_000;
const isEnough = ({ placed, low }: ReturnType<typeof mailsDue>) => placed.length > 20 && low.length > 3;

const example = (file: string) => builtProgram(new URL(`../../../examples/shop/${file}.ts`, import.meta.url));

/** @returns the services, two workers, which also send to a webhook, and Redis; and where the services note what they do */
async function startShop() {
  const redis = await ownRedis(['--appendfsync', 'always']);
  const here = place(redis.url);
  const folder = temporaryFolder();
  const port = await freePort();
  const environment = { REDIS_URL: redis.url, TALLY_NAMESPACE: here.namespace, TALLY_PREFIX: here.prefix };
  const service = async (name: string, file: string, journal: string, more: Record<string, string> = {}) =>
    new ProcessVictim(name, [await example(file), join(folder, journal)], { ...environment, ...more });
  const receiver = await startReceiver();
  const ofWorkers = {
    ...environment,
    TALLY_OUTCOMES: 'true',
    TALLY_WEBHOOK_KEY: randomBytes(32).toString('base64'),
    TALLY_WEBHOOK_ALLOW_HTTP: 'true',
    TALLY_WEBHOOK_ALLOW_NETWORKS: '127.0.0.1',
    LOG_LEVEL: 'info', // its first word tells that it is there
  };
  const added = await tally(ofWorkers, 'webhooks', 'add', receiver.url);
  expect(added).toMatchObject({ code: 0 });
  const posted = new Map<string, OutcomeEvent>();
  const signed = new Webhook(added.stdout.trim());
  receiver.answer = ({ body, headers }) => {
    const event = signed.verify(body, headers as Record<string, string>) as OutcomeEvent; // within five minutes
    posted.set(event.id, event);
    return { status: 204 };
  };
  const worker = (name: string) => new ProcessVictim(name, [TALLY[1], 'worker'], ofWorkers);
  const services = [
    await service('orders', 'order-service', 'orders.jsonl', { PORT: String(port) }),
    await service('notifications-1', 'notification-service', 'mails-1.jsonl'),
    await service('notifications-2', 'notification-service', 'mails-2.jsonl'),
  ];
  const workers = [worker('worker-1'), worker('worker-2')];
  const processes = [...services, ...workers] as [ProcessVictim, ...ProcessVictim[]];
  await Promise.all(processes.map((victim) => victim.start()));
  return {
    here,
    services,
    processes,
    redis: redisVictim(redis),
    url: `http://127.0.0.1:${port}/orders`,
    /** The events that the webhook got, signed as they have to be, by their ids. */
    posted,
    ordersNoted: () => linesOf<Line>(join(folder, 'orders.jsonl')),
    mailsSent: () =>
      ['mails-1.jsonl', 'mails-2.jsonl'].flatMap((file) => linesOf<{ id: string; text: string }>(join(folder, file))),
  };
}

test(
  'orders are taken from stock once and told to whom they concern, though both services, workers and Redis are killed',
  async () => {
    const shop = await startShop();
    const { here } = shop;
    const random = createRandom(SEED);
    const stop = new AbortController();
    const [orders, deliveries] = [new Map<string, Order>(), new Map<string, Delivery>()];
    const producer = here.producer({ submitTimeoutMs: 2_000 });
    const traffic = Promise.all([
      deliver(producer, async (key) => Number(await here.client.get(key)), random.seed(), deliveries, stop.signal),
      ...Array.from({ length: BUYERS }, (_, nth) => buy(shop.url, `buyer-${nth}`, random.seed(), orders, stop.signal)),
    ]);
    await until('the first order is accepted', () => orders.size > 0, CATCH_UP_MS);
    const kills = await strike([...shop.processes, shop.redis], random, {
      lastsMs: SECONDS * 1000,
      atMostMs: AT_MOST_MS,
      isEnough: () => isEnough(mailsDue([...shop.posted.values()])),
    });
    stop.abort();
    await traffic;

    const errors = () => shop.processes.map(({ name, errors }) => `${name}: ${errors}`).join('\n');
    const caughtUp = async (what: string, isSo: () => Promise<boolean> | boolean) => {
      const look = async () => (await isSo()) || (await wait(500), false);
      await until(what, look, CATCH_UP_MS).catch((error: unknown) => {
        throw new Error(`seed ${SEED}: ${String(error)}\n${errors()}`);
      });
    };
    await caughtUp('all that was accepted is told', async () => {
      return (
        new Set((await allTold(here)).map(({ data }) => data.idempotencyKey)).size >= orders.size + deliveries.size
      );
    });
    const events = await allTold(here);
    const due = mailsDue(events);
    const allMails = new Set([...due.placed, ...due.low]);
    const noted = () =>
      new Map(shop.ordersNoted().flatMap((line) => ('status' in line ? [[line.id, line.status]] : [])));
    const sent = () => new Set(shop.mailsSent().map(({ id }) => id));
    await caughtUp('the order service has heard of all orders', () => noted().size >= orders.size);
    await caughtUp('all mails are sent', () => [...allMails].every((id) => sent().has(id)));
    await caughtUp('the webhook was sent all events', () => events.every(({ id }) => shop.posted.has(id)));
    const codes = await Promise.all(shop.services.map((service) => service.stop()));

    const { faults, stock } = faultsOfStream(events, orders, deliveries);
    expect(faults, `seed ${SEED}`).toEqual([]);
    for (const [key, value] of stock) {
      expect(Number(await here.client.get(key)), key).toBe(value);
    }
    expect((await allTold(here)).length, 'nothing was told since').toBe(events.length);
    const asTold = new Map(events.map(({ data }) => [data.idempotencyKey, data.status]));
    expect([...noted()].filter(([id, status]) => asTold.get(`order-${id}`) !== status)).toEqual([]);
    expect(
      [...sent()].filter((id) => !allMails.has(id)),
      'mails that nothing asks for',
    ).toEqual([]);
    const told = new Set(events.map(({ id }) => id));
    expect(
      [...shop.posted.keys()].filter((id) => !told.has(id)),
      'deliveries of nothing',
    ).toEqual([]);
    expect(codes, errors()).toEqual([0, 0, 0]);

    const figures = { seed: SEED, kills: Object.fromEntries(kills), orders: orders.size, placed: due.placed.length };
    const twice = shop.mailsSent().length - sent().size;
    process.stdout.write(
      `${JSON.stringify({ ...figures, deliveries: deliveries.size, low: due.low.length, twice })}\n`,
    );
    expect([...kills.keys()].sort(), 'each was killed').toEqual(
      [...shop.processes, shop.redis].map(({ name }) => name).sort(),
    );
    expect(isEnough(due), 'there is enough to judge').toBe(true);
  },
  AT_MOST_MS + 4 * CATCH_UP_MS,
);
