import type { Finding } from '../redis/requirements.js';
import { readTarget } from '../redis/target.js';
import type { RedisTarget } from '../redis/target.js';
import { warning } from './finding.js';

/** Warns when any certificate of Redis is taken, which is for tests. */
export function judgeTls(target: RedisTarget): Finding[] {
  const options = readTarget(target);
  const { tls } = options.nodes === undefined ? options : (options.redisOptions ?? {});
  return typeof tls === 'object' && tls.rejectUnauthorized === false
    ? [
        warning(
          'tls',
          'certificates of Redis are not checked, so whoever is in between can read and change everything: outside of tests leave out TALLY_REDIS_TLS_REJECT_UNAUTHORIZED, and set TALLY_REDIS_CA_FILE',
        ),
      ]
    : [];
}
