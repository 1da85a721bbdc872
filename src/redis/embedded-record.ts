import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { z } from 'zod';
import { ConfigurationError } from '../errors.js';
import { isFree, startEmbeddedRedis } from './embedded.js';
import type { EmbeddedRedis, EmbeddedRedisOptions } from './embedded.js';
import { Redis } from './ioredis.js';

/** The note that `tally up` leaves in its data folder, so that commands beside it find its Redis. */
const recordSchema = z.object({
  url: z.string(),
  /** Process of the Redis server. */
  pid: z.int(),
});

type Record = z.output<typeof recordSchema>;

/** Where the private Redis listens unless somebody else does: not where a Redis of one's own does. */
const DEFAULT_PORT = 6390;

const NOT_WRITABLE = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ENOSPC']);
const STOP_TIMEOUT_MS = 10_000;
const STOP_LOOK_MS = 50;

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
 * Starts the Redis of a data folder for this process. One that a killed `tally up` left behind is stopped first:
 * two servers on the same files would lose what one of them has accepted.
 *
 * @param options port on 127.0.0.1, 0 for a free one. @defaultValue {@link DEFAULT_PORT}, or a free one when that is taken;
 * and the password that its clients need. @defaultValue none
 * @throws ConfigurationError when another `tally up` runs with this folder, or its server can't be stopped; when the folder
 * can't be written to, or the port is taken
 */
export async function claimEmbeddedRedis(
  dataDir: string,
  logger: Logger,
  { port, password }: { readonly port?: number | undefined; readonly password?: string | undefined } = {},
): Promise<EmbeddedRedis> {
  takeFolder(dataDir);
  try {
    const left = readRecord(dataDir);
    if (left !== undefined) {
      logger.warn({ pid: left.pid }, 'stopping the Redis that an earlier run left behind');
      await shutDown(left);
    }
    const redis = await startAt(port, logger, {
      dataDir: join(dataDir, 'redis'),
      ...(password !== undefined && { password }),
      onSpawn: (server) => {
        rmSync(recordFile(dataDir), { force: true });
        writeFileSync(recordFile(dataDir), `${JSON.stringify(server)}\n`, { mode: 0o600 });
      },
    });
    return {
      ...redis,
      stop: async () => {
        await redis.stop();
        release(dataDir);
      },
    };
  } catch (error) {
    if (readRecord(dataDir) === undefined) {
      rmSync(recordFile(dataDir), { force: true }); // no server runs, so nothing needs to find it
    }
    rmSync(lockFile(dataDir), { force: true });
    throw error;
  }
}

/** Makes the folder and takes the lock on it. */
function takeFolder(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true });
    takeLock(dataDir);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!NOT_WRITABLE.has(code)) {
      throw error;
    }
    throw new ConfigurationError(
      `the private Redis can't keep its data in the folder ${dataDir} (${code}): set TALLY_DATA_DIR to a folder that this user may write to`,
      { cause: error },
    );
  }
}

async function startAt(
  port: number | undefined,
  logger: Logger,
  options: EmbeddedRedisOptions,
): Promise<EmbeddedRedis> {
  if (port === 0) {
    return startEmbeddedRedis(options);
  }
  const wanted = port ?? DEFAULT_PORT;
  if (await isFree(wanted)) {
    return startEmbeddedRedis({ ...options, port: wanted });
  }
  if (port !== undefined) {
    throw new ConfigurationError(
      `port ${port} is taken, so the private Redis can't listen there: set TALLY_REDIS_PORT to another, or to 0 for a free one; or use ` +
        `what listens there, if it is a Redis: REDIS_URL=redis://127.0.0.1:${port}`,
    );
  }
  const redis = await startEmbeddedRedis(options);
  logger.warn(`port ${wanted} is taken: this time the private Redis is at ${redis.url}`);
  return redis;
}

/** The lock is a file that names the process which holds it; only one process can create it. */
function takeLock(dataDir: string): void {
  const file = lockFile(dataDir);
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw error;
    }
    const holder = Number(readFileSync(file, 'utf8'));
    if (holder !== process.pid && isAlive(holder)) {
      throw new ConfigurationError(
        `Tally runs already with the folder ${dataDir} (process ${holder}): stop it, or set TALLY_DATA_DIR to another folder`,
        { cause: error },
      );
    }
    rmSync(file, { force: true }); // its process was killed
    takeLock(dataDir);
  }
}

function release(dataDir: string): void {
  rmSync(recordFile(dataDir), { force: true });
  rmSync(lockFile(dataDir), { force: true });
}

function lockFile(dataDir: string): string {
  return join(dataDir, 'lock');
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
  const redis = new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: () => null, commandTimeout: STOP_TIMEOUT_MS });
  const port = { refused: false };
  redis.on('error', (error: NodeJS.ErrnoException) => {
    port.refused ||= error.code === 'ECONNREFUSED';
  });
  try {
    const info = await redis.info('server');
    if (!new RegExp(`^process_id:${pid}\\r?$`, 'm').test(info)) {
      return; // the process that has its number now is another program
    }
    await redis.shutdown('SAVE').catch(() => undefined); // the connection ends without an answer
  } catch {
    if (port.refused) {
      return; // nothing listens on its port, so the process that has its number now is another program
    }
  } finally {
    redis.disconnect();
  }
  for (let waitedMs = 0; isAlive(pid); waitedMs += STOP_LOOK_MS) {
    if (waitedMs >= STOP_TIMEOUT_MS) {
      throw new ConfigurationError(
        `the Redis that an earlier run left behind (process ${pid}) does not stop: end it by hand`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, STOP_LOOK_MS));
  }
}
