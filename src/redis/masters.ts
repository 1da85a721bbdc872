import { ConfigurationError } from '../errors.js';
import { firstOf } from '../lib/first-of.js';
import { valueWithin } from '../lib/timeouts.js';
import { addressOf } from './node-name.js';
import type { Connection } from './connection.js';
import type { ClusterConnection } from './cluster-connection.js';
import { judgeServer, mergeFindings, NO_CLUSTER, refuseErrors } from './requirements.js';
import type { Finding, ServerNeeds } from './requirements.js';
import { readServerFacts } from './server-facts.js';

/** How much later than the first another master may answer before it counts as down. */
const PATIENCE_MS = 3_000;

/**
 * Refuses servers on which updates could be lost or applied twice in ordinary operation. Waits for as long as all are
 * away; one of several that is unreachable is a warning: its replica takes over, and others go on.
 *
 * @returns the warnings
 * @throws ConfigurationError naming what is wrong and the command that mends it
 */
export async function requireMasters(
  redis: Connection,
  wanted: Pick<ServerNeeds, 'confirmOnDisk'>,
): Promise<Finding[]> {
  await untilMastersKnown(redis);
  const masters = redis.masters();
  const judgings = masters.map(async (master) =>
    judgeServer(await readServerFacts(master), { ...wanted, isCluster: redis.isCluster }),
  );
  if (masters.length > 1) {
    await firstOf(judgings);
  }
  const judged = await Promise.all(judgings.map((judging) => (masters.length > 1 ? orAway(judging) : judging)));
  const findings = mergeFindings(new Map(masters.map((master, place) => [addressOf(master), judged[place] ?? []])));
  refuseErrors(findings);
  return findings.filter(({ level }) => level === 'warning');
}

/** Why a connection can't become one to a Cluster, ever; undefined when it can. */
export function misdirectionOf(redis: Connection): string | undefined {
  return redis.lastError?.message.includes('cluster support disabled') === true ? NO_CLUSTER : undefined;
}

/** Resolves when the masters of a Cluster are known. @throws ConfigurationError when it is none */
export async function untilMastersKnown(redis: Connection): Promise<void> {
  if (redis.isCluster && redis.status !== 'ready') {
    await untilReady(redis as ClusterConnection);
  }
}

function untilReady(redis: ClusterConnection): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const misdirection = misdirectionOf(redis);
      if (misdirection !== undefined) {
        end(() => {
          reject(new ConfigurationError(misdirection));
        });
      }
    };
    const isReady = () => {
      end(resolve);
    };
    const isOver = () => {
      end(() => {
        reject(new Error('the connection was closed'));
      });
    };
    const end = (settle: () => void) => {
      redis.off('error', look).off('ready', isReady).off('end', isOver);
      settle();
    };
    redis.on('error', look).on('ready', isReady).on('end', isOver);
    look();
  });
}

function orAway(judging: Promise<Finding[]>): Promise<Finding[]> {
  return valueWithin(
    judging.catch(() => [UNREACHABLE]),
    PATIENCE_MS,
    [UNREACHABLE],
  );
}

const UNREACHABLE: Finding = { level: 'warning', subject: 'unreachable', message: 'this master does not answer' };
