import { createRegistry } from '../../src/operations/registry.js';
import type { Node } from '../../src/redis/connect-once.js';
import { mergeFindings } from '../../src/redis/requirements.js';
import type { Finding } from '../../src/redis/requirements.js';
import { settleScript } from '../../src/bullmq/scripts.js';
import { applyScript } from '../../src/operations/apply-script.js';
import { fault, ok } from './finding.js';

/** Loads Tally's scripts on each master. */
export async function checkScripts(nodes: readonly Node[]): Promise<Finding[]> {
  const findings = await Promise.all(nodes.map(async (node) => [node.address, [await loadOn(node)]] as const));
  return mergeFindings(new Map(findings));
}

async function loadOn({ redis }: Node): Promise<Finding> {
  try {
    for (const { text } of [applyScript(createRegistry()), settleScript()]) {
      await redis.script('LOAD', text);
    }
    return ok('scripts', 'loaded');
  } catch (error) {
    return fault('scripts', `Redis does not load them: ${(error as Error).message}`);
  }
}
