import type { Redis } from 'ioredis';
import { withoutUser } from '../redis/refusal.js';
import type { Finding } from '../redis/requirements.js';
import { ok } from './finding.js';
import { mayCall } from './missing-acl.js';

/**
 * Makes a check unless the user may not make the calls it takes: that is not wrong, and is said. It is asked first, where the server can
 * tell, since Redis writes each call that it refuses into ACL LOG, where somebody may look for attacks.
 */
export async function unlessForbidden(
  subject: string,
  { redis, calls }: { readonly redis: Redis; readonly calls: readonly (readonly string[])[] },
  check: () => Promise<Finding[]>,
): Promise<Finding[]> {
  try {
    const answers = await mayCall(redis, calls);
    const refused = calls[answers?.indexOf(false) ?? -1];
    return refused ? [ok(subject, `not checked: this user may not run ${inWords(refused)}`)] : await check();
  } catch (error) {
    const { message } = error as Error;
    if (!message.startsWith('NOPERM')) {
      throw error;
    }
    return [ok(subject, `can't be checked: ${withoutUser(message)}`)];
  }
}

/** With the key of a command that has one in the first place. */
function inWords([command = '', first = '', second]: readonly string[]): string {
  const isOfTwo = ['CLIENT', 'XINFO'].includes(command);
  const key = isOfTwo ? second : first;
  return `${isOfTwo ? `${command} ${first}` : command}${key === undefined ? '' : ` on ${key}`}`;
}
