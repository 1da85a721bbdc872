import type { Node } from '../../src/redis/connect-once.js';
import { judgeServer, mergeFindings } from '../../src/redis/requirements.js';
import type { Finding } from '../../src/redis/requirements.js';
import { mayCall } from '../../src/redis/rights.js';
import { readServerFacts } from '../../src/redis/server-facts.js';
import type { ServerFacts } from '../../src/redis/server-facts.js';
import { count, fault, ok, warning } from './finding.js';
import { judgeDefaultUser } from './judge-default-user.js';

/** What Tally is told to wait for, and how the servers are reached. */
export interface Expected {
  readonly isCluster: boolean;
  readonly replicasToConfirm: number;
  readonly confirmOnDisk: boolean;
}

/** Memory of which so much is used is a reason to look. */
const MUCH = 0.8;

/** What each master says of itself. */
export async function checkServers(nodes: readonly Node[], expected: Expected): Promise<Finding[]> {
  const findings = await Promise.all(
    nodes.map(async ({ address, redis }) => {
      const facts = await readServerFacts(redis);
      const own = [
        ...judgeServer(facts, expected),
        judgeMemory(facts),
        ...judgeReplicas(facts, expected),
        ...(facts.appendOnly ? [await judgeDefaultUser({ address, redis })] : []),
        ...(expected.isCluster ? [await judgeCoverage({ address, redis })] : []),
      ];
      return [address, own] as const;
    }),
  );
  return mergeFindings(new Map(findings));
}

function judgeMemory({ usedMemoryBytes, maxmemoryBytes }: ServerFacts): Finding {
  const used = `${(usedMemoryBytes / 1024 ** 2).toFixed(1)} MiB used`;
  if (maxmemoryBytes === 0) {
    return ok('memory', `${used}, no limit`);
  }
  const message = `${used} of ${(maxmemoryBytes / 1024 ** 2).toFixed(1)} MiB`;
  return usedMemoryBytes > MUCH * maxmemoryBytes
    ? warning('memory', `${message}: when it is full, Redis refuses updates; raise maxmemory`)
    : ok('memory', message);
}

/** Whether what was answered can be lost by a failover, and whether enough replicas are there to prevent it. */
function judgeReplicas({ replicas, goodReplicas }: ServerFacts, { replicasToConfirm }: Expected): Finding[] {
  const subject = 'durability';
  if (replicasToConfirm > replicas) {
    const message = `TALLY_REPLICAS_TO_CONFIRM is ${replicasToConfirm}, but ${count(replicas, 'replica')} of this master can confirm: no update ends; start replicas, or lower it`;
    return [fault(subject, message)];
  }
  if (goodReplicas === 0) {
    const message = 'min-replicas-to-write is set, and no replica keeps up, so Redis refuses updates: start a replica';
    return [fault(subject, message)];
  }
  if (replicas === 0) {
    return [];
  }
  return replicasToConfirm > 0
    ? [ok(subject, `every write waits for ${count(replicasToConfirm, 'replica')}`)]
    : [
        ok(
          subject,
          'no write waits for a replica: a failover may lose the latest ones, whole; TALLY_REPLICAS_TO_CONFIRM=1 waits',
        ),
      ];
}

const COVERAGE = 'cluster-require-full-coverage';

async function judgeCoverage({ redis }: Node): Promise<Finding> {
  const may = await mayCall(redis, [['CONFIG', 'GET', COVERAGE]]).catch(() => [false]);
  const reply = may?.[0] === false ? undefined : await redis.config('GET', COVERAGE).catch(() => undefined);
  const value = (reply as [string, string] | undefined)?.[1];
  if (value === undefined) {
    return ok('coverage', `${COVERAGE} can't be checked: this user may not run CONFIG GET`);
  }
  return value === 'no'
    ? ok('coverage', 'while a master is down without replacement, the others go on')
    : warning(
        'coverage',
        `${COVERAGE} is yes: while one master is down without replacement, all stop; CONFIG SET ${COVERAGE} no lets the others go on`,
      );
}
