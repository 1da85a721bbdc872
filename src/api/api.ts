import type { RequestHandler } from 'express';
import { z } from 'zod';
import type { Express } from 'express';
import { createRegistry } from '../operations/registry.js';
import type { Operation } from '../operations/operation.js';
import { checkOptions } from '../lib/check-options.js';
import { openStore } from '../layout/store.js';
import { createProducer } from '../producers/producer.js';
import { producerShape } from '../producers/producer-options.js';
import type { ProducerOptions } from '../producers/producer-options.js';
import { Reader } from '../readers/reader.js';
import { KeyStore } from './access/key-store.js';
import { KeyCache } from './access/key-cache.js';
import { requireKey } from './access/require-key.js';
import { createApp } from './app.js';
import { Room } from './admission/room.js';
import { Turns } from './admission/turns.js';
import { Drain } from '../web/drain.js';

export { restrictAccess } from './access/access.js';
export type { Access } from './access/access.js';
export { Problem } from '../web/problems.js';
export { ApiServer } from '../web/http-server.js';

/** Everything that a producer takes: the API is one. */
export interface ApiOptions extends ProducerOptions<Operation> {
  /**
   * Runs before `/metrics` and every endpoint under `/v1`, in place of Tally's own API keys: to refuse a request, throw a
   * {@link Problem}; to limit it, call {@link restrictAccess}. @defaultValue the keys made with `tally keys create`; while
   * there are none, requests are taken from this machine only
   */
  authorize?: RequestHandler;
  /** Whether requests need an API key also while there is none: a function is asked at each. @defaultValue false */
  requireKey?: boolean | (() => boolean);
}

export interface Api {
  /** Serves the API; hand it to an {@link ApiServer}. */
  readonly app: Express;
  /**
   * Begins to stop: `/readyz` says so, further requests are refused, and those who wait for outcomes are answered with
   * what is there.
   */
  drain(): void;
  /** Sends what was accepted and closes the connections to Redis. Close the HTTP server first. */
  close(): Promise<void>;
}

/** A master of a Cluster that takes longer counts as unreachable: probes want to know whether others answer. */
const MASTER_PATIENCE_MS = 1_000;

/** Updates that are read, checked or on their way to Redis at a time: more would not be faster. */
const MAX_AT_WORK = 10_000;

const optionsSchema = z.strictObject({
  ...producerShape,
  authorize: z.custom<RequestHandler>().optional(),
  requireKey: z.union([z.boolean(), z.custom<() => boolean>((value) => typeof value === 'function')]).default(false),
});

/**
 * The HTTP API: submits updates, tells what became of them and reads cells.
 *
 * @throws ConfigurationError for options that don't fit
 */
export function createApi(options: ApiOptions): Api {
  const { authorize, requireKey: mustHaveKey, ...producing } = checkOptions('createApi', optionsSchema, options);
  const registry = createRegistry(producing.operations);
  const timeoutMs = producing.submitTimeoutMs;
  const storeOptions = { connectionName: 'tally-api', timeoutMs, masterPatienceMs: MASTER_PATIENCE_MS };
  const store = openStore({ ...producing, ...storeOptions });
  const { redis, keys, logger } = store;
  redis.onRefusal = (code) => producing.metrics?.refusals.count(code);
  const producer = createProducer({ ...producing, logger });
  const drain = new Drain();
  const knownKeys = new KeyCache({ store: new KeyStore(redis, keys), redis, timeoutMs, logger });
  const guard = requireKey(knownKeys, typeof mustHaveKey === 'function' ? mustHaveKey : () => mustHaveKey);
  const { bufferLimit } = producing;
  const room = new Room({ atWork: Math.min(MAX_AT_WORK, bufferLimit), ofOne: bufferLimit, patienceMs: timeoutMs });
  return {
    app: createApp({
      ...store,
      producer,
      reader: new Reader(store, timeoutMs),
      admission: { room, turns: new Turns() },
      registry,
      drain,
      timeoutMs,
      prefix: producing.prefix,
      authorize: authorize ?? guard.handler,
      metrics: producing.metrics,
    }),
    drain: () => {
      drain.begin();
    },
    close: async () => {
      drain.begin();
      guard.close();
      await producer.close();
      store.close();
    },
  };
}
