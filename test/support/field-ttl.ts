import { TestRunner } from 'vitest';
import type { Connection } from '../../src/redis/connection.js';
import { readServerFacts } from '../../src/redis/server-facts.js';

const SINCE = { Redis: [7, 4], Valkey: [9, 0] } as const;

/**
 * Leaves out the test that runs now on servers where fields of hashes can't expire: by their version, so that there is no
 * other reason.
 */
export async function skipUnlessFieldsExpire(redis: Connection): Promise<void> {
  const { software, version } = await readServerFacts(redis);
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [sinceMajor, sinceMinor] = SINCE[software];
  if (major > sinceMajor || (major === sinceMajor && minor >= sinceMinor)) {
    return;
  }
  if (process.env['TEST_REDIS'] === 'redis-8') {
    throw new Error(`${software} ${version} is not the newer Redis that these tests are for`);
  }
  TestRunner.getCurrentTest()?.context.skip(`fields of hashes can't expire in ${software} ${version}`);
}
