import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { z } from 'zod';
import { ConfigurationError } from '../errors.js';
import { startEmbeddedRedis } from './embedded.js';
import type { EmbeddedRedis } from './embedded.js';

/** The note that `tally up` leaves in its data folder, so that commands beside it find its Redis. */
const recordSchema = z.object({
  url: z.string(),
  /** Process of the Redis server. */
  pid: z.int(),
  /** Process of the `tally up` that started it. */
  ownerPid: z.int(),
});

type Record = z.output<typeof recordSchema>;

/** The Redis that `tally up` runs with this data folder, if it does. */
export function readRecord(dataDir: string): Record | undefined {
  try {
    const record = recordSchema.parse(JSON.parse(readFileSync(recordFile(dataDir), 'utf8')));
    return isAlive(record.pid) ? record : undefined;
  } catch {
    return undefined; // none, or one that was cut off while being written
  }
}

/**
 * Starts the Redis of a data folder for this process. One that a killed `tally up` left behind is stopped first.
 *
 * @throws ConfigurationError when another `tally up` runs with this folder
 */
export async function claimEmbeddedRedis(dataDir: string, logger: Logger): Promise<EmbeddedRedis> {
  const record = readRecord(dataDir);
  if (record !== undefined && isAlive(record.ownerPid)) {
    throw new ConfigurationError(
      `Tally runs already with the folder ${dataDir} (process ${record.ownerPid}): stop it, or set TALLY_DATA_DIR to another folder`,
    );
  }
  if (record !== undefined) {
    logger.warn({ pid: record.pid }, 'stopping the Redis that an earlier run left behind');
    await shutDown(record);
  }
  mkdirSync(dataDir, { recursive: true });
  const redis = await startEmbeddedRedis({ dataDir: join(dataDir, 'redis') });
  writeFileSync(recordFile(dataDir), `${JSON.stringify({ url: redis.url, pid: redis.pid, ownerPid: process.pid })}\n`);
  return {
    ...redis,
    stop: async () => {
      await redis.stop();
      rmSync(recordFile(dataDir), { force: true });
    },
  };
}

function recordFile(dataDir: string): string {
  return join(dataDir, 'redis.json');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Stops a server by its own command, after making sure that it is the one noted and not a stranger's. */
async function shutDown({ url, pid }: Record): Promise<void> {
  const redis = new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: () => null });
  redis.on('error', () => undefined);
  try {
    const info = await redis.info('server');
    if (new RegExp(`^process_id:${pid}\\r?$`, 'm').test(info)) {
      await redis.shutdown('SAVE').catch(() => undefined); // the connection ends without an answer
    }
  } catch {
    // It does not answer on its port, so the process that has its number now is another program.
  } finally {
    redis.disconnect();
  }
}
