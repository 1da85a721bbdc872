import { randomBytes } from 'node:crypto';
import type { RequestHandler } from 'express';
import type { Store } from '../../src/layout/store.js';
import { changedLine } from '../../src/producers/failures/change-record.js';
import type { ChangedJob } from '../../src/producers/failures/change-record.js';

/** Where the jobs of an action are told, one a line. */
export const CHANGED_JOBS_PATH = '/ops/audit/jobs';

/** As long as anybody may ask what became of an update. */
const KEPT_SECONDS = 90 * 24 * 3600;

/** Of one action: more stand in the log alone. */
const MOST_KEPT = 200_000;
const AT_ONCE = 1_000;

/** Keeps the jobs that were removed or retried together, which are too many for a line of the audit. */
export class ChangedJobs {
  constructor(private readonly store: Pick<Store, 'redis' | 'keys'>) {}

  /** @returns under which id they are kept */
  async keep(jobs: readonly ChangedJob[]): Promise<string> {
    const { redis, keys } = this.store;
    const id = randomBytes(8).toString('hex');
    const key = keys.auditJobs(id);
    for (let start = 0; start < Math.min(jobs.length, MOST_KEPT); start += AT_ONCE) {
      await redis.rpush(key, ...jobs.slice(start, start + AT_ONCE).map(changedLine));
      await redis.expire(key, KEPT_SECONDS);
    }
    return id;
  }

  /** Serves them as text: queue, job, operation and how many updates. */
  readonly send: RequestHandler = async (request, response) => {
    const { id = '' } = request.params as { id?: string };
    const { redis, keys } = this.store;
    const lines = /^[0-9a-f]{16}$/.test(id) ? await redis.lrange(keys.auditJobs(id), 0, -1) : [];
    const isThere = lines.length > 0;
    response.status(isThere ? 200 : 404).type('text/plain');
    response.attachment(`tally-jobs-${isThere ? id : 'none'}.txt`);
    response.send(isThere ? `${lines.join('\n')}\n` : 'they are not kept any more\n');
  };
}
