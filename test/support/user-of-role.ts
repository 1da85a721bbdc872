import { aclRules } from '../../src/doctor/acl-needs.js';
import type { Role } from '../../src/doctor/acl-needs.js';
import type { Place } from './tally.js';

/**
 * Gives a server a user with the rules of docs/redis-acl.md for a role, and no others.
 *
 * @param cells - patterns of the keys that updates may name
 * @returns the URL by which this user connects
 */
export async function userOfRole(
  { client, namespace, prefix, redis }: Place,
  role: Role,
  cells: readonly string[],
): Promise<string> {
  const [, major, minor] = /redis_version:(\d+)\.(\d+)/.exec(await client.info('server')) ?? [];
  const rules = aclRules([role], { namespace, prefix, cells, version: [Number(major), Number(minor)] }).split(' ');
  await client.call('ACL', 'SETUSER', role, 'reset', 'on', '>secret', ...rules);
  return redis.replace('://', `://${role}:secret@`);
}
