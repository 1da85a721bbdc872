import type { Registry } from '../operations/registry.js';
import type { Node } from '../redis/connect-once.js';
import { mergeFindings } from '../redis/requirements.js';
import type { Finding } from '../redis/requirements.js';
import { settleScript } from '../bullmq/scripts.js';
import { applyScript } from '../operations/apply-script.js';
import { refusalOfCrossSlot } from '../redis/cross-slot-scripts.js';
import { fault, ok } from './finding.js';

/** Loads Tally's scripts on each master. */
export async function checkScripts(nodes: readonly Node[], isCluster: boolean, registry: Registry): Promise<Finding[]> {
  const findings = await Promise.all(
    nodes.map(async (node) => {
      const loaded = await loadOn(node, registry);
      const calls = isCluster && loaded.level === 'ok' ? [await judgeCalls(node)] : [];
      return [node.address, [loaded, ...calls]] as const;
    }),
  );
  return mergeFindings(new Map(findings));
}

/** Which way workers take on a master of a Cluster, see docs/decisions/13-cluster.md. */
async function judgeCalls({ redis }: Node): Promise<Finding> {
  const refusal = await refusalOfCrossSlot(redis);
  return refusal === undefined
    ? ok('script calls', 'one for all that a job has on a master: the server lets a script cross slots')
    : ok(
        'script calls',
        `one for each slot of a job, since scripts may not cross slots here (Redis 7 lets them): ${refusal}`,
      );
}

async function loadOn({ redis }: Node, registry: Registry): Promise<Finding> {
  try {
    for (const { text } of [applyScript(registry), settleScript()]) {
      await redis.script('LOAD', text);
    }
    return ok('scripts', 'loaded');
  } catch (error) {
    return fault('scripts', `Redis does not load them: ${(error as Error).message}`);
  }
}
