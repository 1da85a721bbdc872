import type { Node } from '../redis/connect-once.js';
import { judgeServer, mergeFindings } from '../redis/requirements.js';
import type { Finding } from '../redis/requirements.js';
import { readServerFacts } from '../redis/server-facts.js';
import type { ServerFacts } from '../redis/server-facts.js';
import { count, fault, ok, warning } from './finding.js';
import { judgeDefaultUser } from './judge-default-user.js';
import { readSetting } from './read-setting.js';

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
        ...(facts.appendOnly
          ? [await judgeDefaultUser({ address, redis }), judgeFsync(await readSetting(redis, FSYNC))]
          : []),
        ...(expected.isCluster ? [judgeCoverage(await readSetting(redis, COVERAGE))] : []),
      ];
      return [address, own] as const;
    }),
  );
  return mergeFindings(new Map(findings));
}

function judgeMemory({ usedMemoryBytes, maxmemoryBytes }: ServerFacts): Finding {
  const used = `${(usedMemoryBytes / 1024 ** 2).toFixed(1)} MiB used`;
  if (maxmemoryBytes === 0) {
    return warning(
      'memory',
      `${used}, no limit: past what its machine has, the system ends it; set maxmemory, with room to spare`,
    );
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
  return replicas === 0 ? [] : [judgeConfirmed(subject, replicas, replicasToConfirm)];
}

/** What a failover may lose: Redis does not ask which replica has confirmed, so only all of them are sure to be enough. */
function judgeConfirmed(subject: string, replicas: number, replicasToConfirm: number): Finding {
  const majority = Math.floor(replicas / 2) + 1;
  const advice = `TALLY_REPLICAS_TO_CONFIRM=${majority} waits for ${majority === replicas ? 'all' : 'a majority'}`;
  if (replicasToConfirm === 0) {
    return warning(subject, `no write waits for a replica: a failover may lose the latest ones, whole; ${advice}`);
  }
  const waits = `every write waits for ${replicasToConfirm} of ${count(replicas, 'replica')}`;
  if (replicasToConfirm < majority) {
    return warning(subject, `${waits}: a failover to another one loses the latest writes, whole; ${advice}`);
  }
  return replicasToConfirm < replicas
    ? ok(subject, `${waits}: a failover while the master lives may still lose some; ${replicas} lose none`)
    : ok(subject, `${waits}: no failover loses any; while one of them is unreachable, no update ends`);
}

const FSYNC = 'appendfsync';

/** How much of the append-only file a crash of the machine may lose; one of Redis alone loses none of it. */
function judgeFsync(value: string | undefined): Finding {
  const subject = 'append-only file';
  switch (value) {
    case undefined:
      return ok(subject, `${FSYNC} can't be checked: this user may not run CONFIG GET`);
    case 'no':
      return warning(
        subject,
        `${FSYNC} is no: a crash of the machine loses what the system has not written by itself, up to half a minute; run CONFIG SET ${FSYNC} everysec`,
      );
    case 'always':
      return ok(subject, 'is written to disk with every update');
    default:
      return ok(subject, 'is written to disk every second: a crash of the machine loses as much');
  }
}

const COVERAGE = 'cluster-require-full-coverage';

function judgeCoverage(value: string | undefined): Finding {
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
