import { withoutUser } from '../src/redis/refusal.js';
import type { Finding } from '../src/redis/requirements.js';
import { createContext, durabilityOptions, findRedis } from './context.js';
import { checkClocks } from './doctor/check-clocks.js';
import { checkForms } from './doctor/check-forms.js';
import { checkOthers } from './doctor/check-foreign-workers.js';
import { checkOutcomes } from './doctor/check-outcomes.js';
import { checkPartitions } from './doctor/check-partitions.js';
import { checkRights, roleOf } from './doctor/check-acl.js';
import { checkScripts } from './doctor/check-scripts.js';
import { checkServers } from './doctor/check-servers.js';
import { checkSubscribers } from './doctor/check-subscribers.js';
import { findMasters } from './doctor/find-masters.js';
import type { Masters } from './doctor/masters.js';
import { fault, ok } from './doctor/finding.js';
import { layoutsOf } from './doctor/layouts.js';
import { judgeTls } from './doctor/judge-tls.js';
import { lineOf } from './doctor/line.js';
import type { Context } from './context.js';
import type { RightsOptions } from './doctor/check-acl.js';
import type { RedisTarget } from '../src/redis/target.js';

export interface DoctorFlags {
  readonly as?: string;
  readonly key?: readonly string[];
}

const TIMEOUT_MS = 5_000;

/** `tally doctor`: says what it found of the Redis it is pointed at, and what to change. */
export async function doctor(flags: DoctorFlags): Promise<void> {
  const context = createContext(process.stderr);
  const { TALLY_NAMESPACE: namespace, TALLY_PREFIX: prefix } = context.config;
  const rights = { namespace, prefix, role: roleOf(flags.as), cells: flags.key ?? [] };
  const target = findRedis(context);
  const masters = await findMasters(target, TIMEOUT_MS);
  try {
    const findings = [
      ...judgeTls(target),
      ...masters.findings,
      ...(await checkMasters(context, target, masters, rights)),
    ];
    for (const finding of findings) {
      console.log(lineOf(finding));
    }
    process.exitCode = findings.some(({ level }) => level === 'error') ? 1 : 0;
  } finally {
    for (const { redis } of masters.nodes) {
      redis.disconnect();
    }
  }
}

async function checkMasters(
  context: Context,
  target: RedisTarget,
  masters: Masters,
  rights: RightsOptions,
): Promise<Finding[]> {
  const { nodes, isCluster } = masters;
  if (nodes.length === 0) {
    return [];
  }
  const layouts = layoutsOf(masters, { ...rights, partitions: context.config.TALLY_PARTITIONS });
  const checks: [string, () => Promise<Finding[]>][] = [
    ['server', () => checkServers(nodes, { isCluster, ...durabilityOptions(context) })],
    ['scripts', () => checkScripts(nodes, isCluster)],
    ['clock', () => checkClocks(nodes)],
    ['partitions', () => checkPartitions(masters, layouts)],
    ['other programs', () => unlessForbidden('other programs', checkOthers(masters, layouts))],
    ['forms', () => unlessForbidden('forms', checkForms(masters, layouts))],
    ['outcomes', () => unlessForbidden('outcomes', checkOutcomes(masters, layouts))],
    ['subscribers', () => unlessForbidden('subscribers', checkSubscribers(masters, rights))],
    ['permissions', () => checkRights(nodes, rights)],
  ];
  const findings: Finding[] = [];
  for (const [subject, check] of checks) {
    try {
      findings.push(...(await check()));
      if (findings.some(({ level, subject: what }) => level === 'error' && what === 'mode')) {
        break; // it is another kind of server than the rest asks for
      }
    } catch (error) {
      findings.push(fault(subject, `can't be checked: ${withoutUser((error as Error).message)}`));
    }
  }
  return findings;
}

/** What the rights of its user keep doctor from looking at is not wrong. */
async function unlessForbidden(subject: string, checking: Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await checking;
  } catch (error) {
    const { message } = error as Error;
    if (!message.startsWith('NOPERM')) {
      throw error;
    }
    return [ok(subject, `can't be checked: ${withoutUser(message)}`)];
  }
}
