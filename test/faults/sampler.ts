import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Cell } from '../../src/index.js';
import type { RedisClient } from '../../src/redis/connection.js';
import { inAll, RESERVABLE, SHOP, SHOP_SOLD, STOCK_AT_START } from './cells.js';
import type { Shards } from './cells.js';
import { FaultCluster } from './cluster.js';
import type { World } from './world.js';
import { HoldCell } from '../../src/redis/cell.js';
import { createKeys, DEFAULT_NAMESPACE } from '../../src/redis/keys.js';
import { nameOf } from './oracle/evidence.js';
import { NAMESPACE } from './settings.js';

const KEYS = createKeys({ ...DEFAULT_NAMESPACE, namespace: NAMESPACE });
const PARTS = ['total', 'quantity', 'end'] as const;

const EVERY_MS = 5;
const KEPT = 20;

/**
 * Reads all stock every few ms, as another service would, and notes each time that it is below zero, or that what is held of it
 * is not what its reservations hold; and of the shop's, that stock, held and sold are not what there was at the start.
 */
export class Sampler {
  readonly sightings: string[] = [];
  samples = 0;
  readonly #redis: RedisClient;
  #turn = 0;
  readonly #running: Promise<void>;
  #stopping = false;

  /** @param shards of which each sample reads one, in turn */
  constructor(
    server: World['server'],
    private readonly shards: Shards,
  ) {
    this.#redis = connect(server);
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
    this.#redis.disconnect();
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      await this.#sample().catch(() => undefined); // Redis is unreachable
      await wait(EVERY_MS);
    }
  }

  async #sample(): Promise<void> {
    const shard = this.shards[this.#turn % this.shards.length] ?? '';
    const stock = inAll([shard], RESERVABLE);
    this.#turn += 1;
    const pipeline = this.#redis.pipeline();
    for (const { key, field, member } of stock) {
      if (field !== undefined) {
        pipeline.hget(key, field);
      } else if (member !== undefined) {
        pipeline.zscore(key, member);
      } else {
        pipeline.get(key);
      }
    }
    const replies = (await pipeline.exec()) ?? [];
    await this.#sampleHolds(stock);
    await this.#sampleShop(shard);
    this.samples += 1;
    for (const [place, cell] of stock.entries()) {
      const value = Number(replies[place]?.[1] ?? 0);
      if (value < 0) {
        this.#note(`${nameOf(cell)} was ${value}: stock is never below zero`);
      }
    }
  }

  async #sampleShop(shard: string): Promise<void> {
    const [stock, sold] = inAll([shard], [SHOP, SHOP_SOLD]) as [Cell, Cell];
    const { key: held } = KEYS.hold(new HoldCell(stock, 'total'));
    const found = (await this.#redis.multi().get(stock.key).get(held).get(sold.key).exec()) as [null, string | null][];
    const [available = 0, hold = 0, sales = 0] = found.map(([, value]) => Number(value));
    if (available + hold + sales !== STOCK_AT_START) {
      this.#note(`of ${STOCK_AT_START} ${available} were in stock, ${hold} held and ${sales} sold`);
    }
  }

  #note(words: string): void {
    if (this.sightings.length < KEPT) {
      this.sightings.push(`${words}, at ${new Date().toISOString()}`);
    }
  }

  async #sampleHolds(stocks: readonly Cell[]): Promise<void> {
    for (const stock of stocks) {
      const [total, quantity, end] = PARTS.map((part) => KEYS.hold(new HoldCell(stock, part)).key) as [
        string,
        string,
        string,
      ];
      const found = await this.#redis.multi().get(total).hvals(quantity).zcard(end).exec();
      const [[, held], [, quantities], [, ends]] = found as [[null, string | null], [null, string[]], [null, number]];
      const sum = quantities.reduce((all, each) => all + Number(each), 0);
      if (sum !== Number(held) || ends !== quantities.length) {
        this.#note(
          `${held} of ${nameOf(stock)} were held, but ${sum} by ${quantities.length} reservations with ${ends} ends`,
        );
      }
    }
  }
}

function connect(server: World['server']): RedisClient {
  if (server instanceof FaultCluster) {
    return server.connect('sampler', 1_000);
  }
  const redis = new Redis(server.url, {
    connectionName: 'sampler',
    maxRetriesPerRequest: 0,
    commandTimeout: 1_000,
    retryStrategy: () => 50,
  });
  redis.on('error', () => undefined);
  return redis;
}
