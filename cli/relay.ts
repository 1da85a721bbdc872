import { setTimeout } from 'node:timers/promises';
import { createProducer } from '../src/index.js';
import { ConfigurationError } from '../src/errors.js';
import { createMetrics } from '../src/metrics/metrics.js';
import { createRegistry } from '../src/operations/registry.js';
import { connectPromptly } from '../src/redis/connect.js';
import type { Connection } from '../src/redis/connection.js';
import { toMs } from '../src/redis/server-time.js';
import { connectionOptions, createContext, findRedis, producerOptions } from './context.js';
import type { Context } from './context.js';
import { listenForMetrics } from './listen.js';
import { onStop } from './on-stop.js';
import { checkPostgresUrl, explained, openSession } from './relay/postgres.js';
import { Relay } from './relay/relay.js';
import { createTableSql } from './relay/table-definition.js';
import { parseOwner } from './submit.js';
import { wholeNumber } from './whole-number.js';

export interface RelayFlags {
  readonly from?: string;
  readonly table: string;
  readonly createTable?: true;
  readonly delete?: true;
  readonly unordered?: true;
  readonly owner?: string;
  readonly poll: string;
}

const REDIS_TIMEOUT_MS = 5_000;
const REDIS_PAUSE_MS = 500;

/** `tally relay`: makes updates of the rows of a table, until it is stopped. */
export async function relay(flags: RelayFlags): Promise<void> {
  const context = createContext();
  const from = databaseOf(flags, context);
  if (flags.createTable) {
    await createTable(from, flags.table);
    return;
  }
  const { config, logger, operations } = context;
  const owner = parseOwner(flags.owner);
  const pollMs = wholeNumber('--poll', flags.poll, { min: 10, max: 60_000, of: 'ms' });
  const redis = findRedis(context);
  const metrics = config.TALLY_METRICS_PORT === undefined ? undefined : createMetrics();
  const stopMetrics = metrics && (await listenForMetrics(metrics, context));
  const clock = connectPromptly(redis, 'tally-relay', REDIS_TIMEOUT_MS, logger);
  const producer = createProducer({ ...connectionOptions(context, redis), ...producerOptions(context), metrics });
  const running = new Relay({
    from,
    table: flags.table,
    owner,
    producer,
    registry: createRegistry(operations),
    logger,
    metrics: metrics?.relay,
    redisTime: (stopped) => redisTime(clock, context, stopped),
    windowMs: config.TALLY_IDEMPOTENCY_WINDOW_MS,
    ordered: !flags.unordered,
    deleteApplied: flags.delete ?? false,
    pollMs,
    closeTimeoutMs: config.TALLY_CLOSE_TIMEOUT_MS,
  });
  const close = async () => {
    await running.stop();
    await producer.close();
    clock.disconnectAll();
    await stopMetrics?.();
  };
  const stopping = onStop(context, close);
  await running.run().catch(async (error: unknown) => {
    stopping.uninstall(); // it would end the process with exit code 0
    await close();
    throw error;
  });
}

function databaseOf({ from }: RelayFlags, { config }: Context): string {
  const url = from ?? config.TALLY_RELAY_FROM;
  if (url === undefined) {
    throw new ConfigurationError('name the database: --from postgres://user@host:5432/name, or TALLY_RELAY_FROM');
  }
  checkPostgresUrl(url, from === undefined ? 'TALLY_RELAY_FROM' : '--from');
  return url;
}

async function createTable(from: string, table: string): Promise<void> {
  const sql = createTableSql(table);
  const client = await openSession(from);
  try {
    await client.query(sql);
    console.log(`table ${table} is there`);
  } catch (error) {
    throw explained(error, `can't make the table ${table}`);
  } finally {
    await client.end();
  }
}

async function redisTime(clock: Connection, { logger }: Context, stopped: AbortSignal): Promise<number> {
  for (let tries = 0; ; tries += 1) {
    stopped.throwIfAborted();
    try {
      return toMs(await clock.time());
    } catch (error) {
      if (tries % 20 === 0) {
        logger.warn(`rows wait: Redis does not tell the time (${(error as Error).message})`);
      }
      await setTimeout(REDIS_PAUSE_MS, undefined, { signal: stopped }).catch(() => undefined);
    }
  }
}
