import { connectOnce } from '../redis/connect-once.js';
import type { Finding } from '../redis/requirements.js';
import { askSentinels } from '../redis/sentinels.js';
import { describeTarget, readTarget } from '../redis/target.js';
import type { RedisTarget, ServerOptions } from '../redis/target.js';
import { findClusterMasters } from './find-cluster-masters.js';
import { fault, ok } from './finding.js';
import { judgeSentinels } from './judge-sentinels.js';
import { noMasters } from './masters.js';
import type { Masters } from './masters.js';

/** Looks for the masters itself, since a connection of Tally's waits for a Cluster in which something is wrong. */
export async function findMasters(target: RedisTarget, timeoutMs: number): Promise<Masters> {
  const options = readTarget(target);
  if (options.nodes !== undefined) {
    return findClusterMasters(target, options, timeoutMs);
  }
  if (options.sentinels !== undefined) {
    return findMasterBySentinels(target, options, timeoutMs);
  }
  return findServer(describeTarget(target), options, timeoutMs);
}

async function findServer(
  description: string,
  options: ServerOptions,
  timeoutMs: number,
  findings: readonly Finding[] = [],
): Promise<Masters> {
  try {
    const node = await connectOnce(options, timeoutMs);
    return {
      nodes: [node],
      isCluster: false,
      masterOf: () => node,
      findings: [ok('connection', description), ...findings],
    };
  } catch (error) {
    return noMasters([fault('connection', (error as Error).message), ...findings]);
  }
}

async function findMasterBySentinels(target: RedisTarget, options: ServerOptions, timeoutMs: number): Promise<Masters> {
  const { sentinels: _, name: __, ...direct } = options;
  const answers = await askSentinels(target, timeoutMs);
  const findings = judgeSentinels(answers);
  const master = answers.find((answer) => answer.master !== undefined)?.master;
  return master === undefined
    ? noMasters([fault('connection', `${describeTarget(target)}: no Sentinel names a master`), ...findings])
    : findServer(describeTarget(target), { ...direct, ...master }, timeoutMs, findings);
}
