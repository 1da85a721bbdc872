import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { Redis } from '../../src/redis/ioredis.js';
import type { EmbeddedRedis } from '../../src/redis/embedded.js';
import { startEmbeddedRedis } from '../../src/redis/embedded.js';

/**
 * Starts a Redis for the tests of one file, which run one after another, so that nothing else writes to it. Each finds it empty: what one
 * before has left could expire meanwhile.
 */
export function redisOfThisFile(): { readonly url: string } {
  const dataDir = mkdtempSync(join(tmpdir(), 'tally-test-'));
  let redis: EmbeddedRedis | undefined;
  beforeAll(async () => {
    redis = await startEmbeddedRedis({ dataDir });
  });
  beforeEach(async () => {
    const client = new Redis(redis?.url ?? '');
    await client.flushall();
    client.disconnect();
  });
  afterAll(async () => {
    await redis?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return {
    get url() {
      if (redis === undefined) {
        throw new Error('the Redis of this file has not started');
      }
      return redis.url;
    },
  };
}
