import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Cell } from '../../src/index.js';
import type { RedisClient } from '../../src/redis/connection.js';
import { inAll, STOCK } from './cells.js';
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
 * is not what its reservations hold.
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
    const stock = inAll([this.shards[this.#turn % this.shards.length] ?? ''], STOCK);
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
    this.samples += 1;
    for (const [place, cell] of stock.entries()) {
      const value = Number(replies[place]?.[1] ?? 0);
      if (value < 0 && this.sightings.length < KEPT) {
        this.sightings.push(`${nameOf(cell)} was ${value} at ${new Date().toISOString()}: stock is never below zero`);
      }
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
      if ((sum !== Number(held) || ends !== quantities.length) && this.sightings.length < KEPT) {
        const words = `${sum} by ${quantities.length} reservations with ${ends} ends`;
        this.sightings.push(`${held} of ${nameOf(stock)} were held, but ${words}, at ${new Date().toISOString()}`);
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
