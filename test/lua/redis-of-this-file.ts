import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { EmbeddedRedis } from '../../src/redis/embedded.js';
import { startEmbeddedRedis } from '../../src/redis/embedded.js';

/** Starts a Redis for the tests of one file, which run one after another, so that nothing else writes to it. */
export function redisOfThisFile(): { readonly url: string } {
  const dataDir = mkdtempSync(join(tmpdir(), 'tally-test-'));
  let redis: EmbeddedRedis | undefined;
  beforeAll(async () => {
    redis = await startEmbeddedRedis({ dataDir });
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
