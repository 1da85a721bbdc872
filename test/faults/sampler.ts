import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { STOCK } from './cells.js';
import { nameOf } from './oracle/evidence.js';

const EVERY_MS = 5;
const KEPT = 20;

/** Reads all stock every few ms, as another service would, and notes each time that it is below zero. */
export class Sampler {
  readonly sightings: string[] = [];
  samples = 0;
  readonly #redis: Redis;
  readonly #running: Promise<void>;
  #stopping = false;

  constructor(url: string) {
    this.#redis = new Redis(url, {
      connectionName: 'sampler',
      maxRetriesPerRequest: 0,
      commandTimeout: 1_000,
      retryStrategy: () => 50,
    });
    this.#redis.on('error', () => undefined);
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
    const pipeline = this.#redis.pipeline();
    for (const { key, field, member } of STOCK) {
      if (field !== undefined) {
        pipeline.hget(key, field);
      } else if (member !== undefined) {
        pipeline.zscore(key, member);
      } else {
        pipeline.get(key);
      }
    }
    const replies = (await pipeline.exec()) ?? [];
    this.samples += 1;
    for (const [place, cell] of STOCK.entries()) {
      const value = Number(replies[place]?.[1] ?? 0);
      if (value < 0 && this.sightings.length < KEPT) {
        this.sightings.push(`${nameOf(cell)} was ${value} at ${new Date().toISOString()}: stock is never below zero`);
      }
    }
  }
}
