import { afterAll, beforeAll, inject } from 'vitest';
import { isCluster } from '../../src/redis/target.js';
import { startCluster } from './topology/cluster.js';
import type { Cluster } from './topology/cluster.js';

/** A Cluster for tests that leave it whole: the shared one where there is one, else one for the tests of this file. */
export function clusterOfThisFile(): { readonly url: string } {
  let url = inject('redisUrl');
  let own: Cluster | undefined;
  beforeAll(async () => {
    if (!isCluster(url)) {
      own = await startCluster({ replicasPerMaster: 0 });
      ({ url } = own);
    }
  });
  afterAll(async () => {
    await own?.stop();
  });
  return {
    get url() {
      return url;
    },
  };
}
