import { inject, TestRunner } from 'vitest';

/**
 * Leaves out the test that runs now when the tests run against a Cluster or Sentinel: for what a test does to one server
 * before its very eyes. `npm test` runs it; topologies that break have tests of their own in `test/cluster`.
 *
 * @param reason shown beside the test
 */
export function skipUnlessOneServer(reason: string): void {
  if (new URL(inject('redisUrl')).protocol !== 'redis:') {
    TestRunner.getCurrentTest()?.context.skip(reason);
  }
}
