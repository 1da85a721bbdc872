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
import { basePathSchema } from '../web/base-path.js';
import { Drain } from '../web/drain.js';
import { openOutcomes } from './open-outcomes.js';
import { webhookOptionsSchema } from '../subscribers/webhooks/webhook-options.js';
import type { WebhookOptions } from '../subscribers/webhooks/webhook-options.js';

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
  /** Whether workers tell outcomes. Without it, `GET /v1/outcomes` looks whether any were told. @defaultValue false */
  outcomes?: boolean | undefined;
  /** What webhooks are added with. @defaultValue `/v1/webhooks` says that there are none */
  webhooks?: WebhookOptions | undefined;
  /** The path of the site below which callers find the API, such as `/tools/tally`. @defaultValue the root */
  basePath?: string;
  /**
   * Addresses of proxies in front of the API, or networks of them: what they say of a caller's address and of the path is
   * believed. @defaultValue none
   */
  proxies?: readonly string[] | undefined;
  /**
   * The share of the log's lines on requests that were answered as usual, 0 (none) to 1 (all). Of what failed, and who was turned
   * away (401, 403), there is a line in any case. @defaultValue 1
   */
  logRequests?: number;
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
  outcomes: z.boolean().default(false),
  webhooks: webhookOptionsSchema.optional(),
  basePath: basePathSchema.default(''),
  logRequests: z.number().min(0).max(1).default(1),
  proxies: z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])).optional(),
  requireKey: z.union([z.boolean(), z.custom<() => boolean>((value) => typeof value === 'function')]).default(false),
});

/**
 * The HTTP API: submits updates, tells what became of them and reads cells.
 *
 * @throws ConfigurationError for options that don't fit
 */
export function createApi(options: ApiOptions): Api {
  const {
    authorize,
    outcomes,
    webhooks: webhookOptions,
    requireKey: mustHaveKey,
    basePath,
    proxies,
    logRequests,
    ...producing
  } = checkOptions('createApi', optionsSchema, options);
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
  const { namespace } = producing;
  const told = openOutcomes({ store, registry, namespace, webhooks: webhookOptions });
  return {
    app: createApp({
      ...store,
      namespace,
      told: { reader: told.reader, feed: told.feed, areOn: outcomes },
      webhooks: told.webhooks,
      mayStay: async (response) => authorize !== undefined || (await guard.mayStay(response)),
      refuseRevoked: (response) => guard.refuseRevoked(response),
      producer,
      reader: new Reader(store, timeoutMs),
      admission: { room, turns: new Turns() },
      registry,
      drain,
      timeoutMs,
      prefix: producing.prefix,
      authorize: authorize ?? guard.handler,
      metrics: producing.metrics,
      basePath,
      proxies,
      logRequests,
    }),
    drain: () => {
      drain.begin();
    },
    close: async () => {
      drain.begin();
      guard.close();
      await told.close();
      await producer.close();
      store.close();
    },
  };
}
