import { ConfigurationError } from '../errors.js';
import type { Node } from '../redis/connect-once.js';
import type { Namespace } from '../redis/keys.js';
import { withoutUser } from '../redis/refusal.js';
import { ROLES } from './acl-needs.js';
import type { Role } from './acl-needs.js';
import { mergeFindings } from '../redis/requirements.js';
import type { Finding } from '../redis/requirements.js';
import { findMissing } from './missing-acl.js';
import type { MissingRight } from './missing-acl.js';
import { fault, ok, warning } from './finding.js';

export interface RightsOptions extends Namespace {
  /** What the user is for; undefined when it may be for anything. */
  readonly role: Role | undefined;
  /** Keys that updates name, to check too. */
  readonly cells: readonly string[];
}

const SUBJECT = 'permissions';
const DOCUMENT = 'see docs/redis-acl.md';

/** So few missing rights are a slip rather than a user that is meant for something else. */
const SLIP = 2;

/** What users of other roles may do as well: who lacks next to nothing of another role is meant for that one. */
const PART_OF_OTHERS: readonly Role[] = ['reader'];

const roles = Object.keys(ROLES) as Role[];

/** @throws ConfigurationError when there is no such role */
export function roleOf(text: string | undefined): Role | undefined {
  const role = roles.find((known) => known === text);
  if (text !== undefined && role === undefined) {
    throw new ConfigurationError(`--as must be one of ${roles.join(', ')}, but is "${text}"`);
  }
  return role;
}

/** Whether the user of the connection may do what its role needs: at each master, since each has users of its own. */
export async function checkRights(nodes: readonly Node[], options: RightsOptions): Promise<Finding[]> {
  const findings = await Promise.all(
    nodes.map(async (node) => [node.address, await checkNode(node, options)] as const),
  );
  return [...mergeFindings(new Map(findings)), ...(options.cells.length === 0 ? [CELLS_UNCHECKED] : [])];
}

const CELLS_UNCHECKED = ok(
  SUBJECT,
  'on the keys that updates change: not checked, since they can be any; --key stock:1 checks one',
);

async function checkNode({ redis }: Node, options: RightsOptions): Promise<Finding[]> {
  const user = redis.options.username ? 'the user of REDIS_URL' : 'the default user'; // its name is not to be shown
  const missing = new Map<Role, readonly MissingRight[]>();
  for (const role of options.role === undefined ? roles : [options.role]) {
    let found: readonly MissingRight[] | undefined;
    try {
      found = await findMissing(redis, role, options);
    } catch (error) {
      return [fault(SUBJECT, `${user} can't even run scripts (${withoutUser((error as Error).message)}); ${DOCUMENT}`)];
    }
    if (found === undefined) {
      return [ok(SUBJECT, `${user}: can't be checked, since Redis before 7 does not tell; ${DOCUMENT}`)];
    }
    missing.set(role, found);
  }
  return judge(user, missing);
}

function judge(user: string, missing: ReadonlyMap<Role, readonly MissingRight[]>): Finding[] {
  const may = [...missing].filter(([, rights]) => rights.length === 0).map(([role]) => role);
  const lacking = [...missing]
    .filter(([, rights]) => rights.length > 0)
    .sort(([, one], [, other]) => one.length - other.length);
  const [nearest] = lacking;
  const isMeantForMore = nearest !== undefined && nearest[1].length <= SLIP && may.every(isPartOfOthers);
  if (nearest !== undefined && (may.length === 0 || isMeantForMore)) {
    const [, fewest] = nearest;
    return lacking
      .filter(([, rights]) => rights.length === fewest.length)
      .map(([role, rights]) => fault(SUBJECT, `${user} lacks for ${role}: ${describe(rights)}; ${DOCUMENT}`));
  }
  const slips = lacking.filter(([, rights]) => rights.length <= SLIP);
  return [
    ok(SUBJECT, `${user} may do all that ${listOf(may)}`),
    ...slips.map(([role, rights]) => warning(SUBJECT, `${user} lacks for ${role}: ${describe(rights)}; ${DOCUMENT}`)),
  ];
}

function isPartOfOthers(role: Role): boolean {
  return PART_OF_OTHERS.includes(role);
}

function listOf(may: readonly Role[]): string {
  return may.length === roles.length ? 'Tally does' : `is needed as ${may.join(', ')}`;
}

/** "HSET, ZADD on bull:*; CLIENT LIST". */
function describe(rights: readonly MissingRight[]): string {
  const byPattern = new Map<string | undefined, string[]>();
  for (const { command, pattern } of rights) {
    byPattern.set(pattern, [...(byPattern.get(pattern) ?? []), command.replace('|', ' ')]);
  }
  return [...byPattern]
    .map(([pattern, commands]) => {
      const named = commands.length > 8 ? [...commands.slice(0, 6), `${commands.length - 6} more`] : commands;
      return `${named.join(', ')}${pattern === undefined ? '' : ` on ${pattern.replace(/^(%R)?~/, '')}`}`;
    })
    .join('; ');
}
