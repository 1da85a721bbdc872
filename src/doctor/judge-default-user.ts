import type { Node } from '../redis/connect-once.js';
import type { Finding } from '../redis/requirements.js';
import { mayCall } from './missing-acl.js';
import { fault, ok } from './finding.js';

const SUBJECT = 'restart';

/** Asks whether the default user may write, and writes nothing. */
const QUESTION = ['ACL', 'DRYRUN', 'default', 'SET', 'tally-doctor', '1'] as const;

/**
 * Whether a server with an append-only file will read back what scripts wrote. It stands there as transactions, which many
 * versions of Redis and Valkey check by the rights of the default user, also where that is off: what it may not do is left
 * out without a word. See https://github.com/redis/redis/issues/14541 and https://github.com/valkey-io/valkey/issues/3983.
 */
export async function judgeDefaultUser({ redis }: Node): Promise<Finding> {
  const may = await mayCall(redis, [QUESTION]).catch(() => [false]);
  const [command, ...rest] = QUESTION;
  const answer = may?.[0] === true ? await redis.call(command, ...rest).catch(() => undefined) : undefined;
  if (answer === undefined) {
    return ok(
      SUBJECT,
      `whether it reads back what scripts wrote can't be checked: ${may === undefined ? 'Redis before 7 does not tell' : 'this user may not run ACL DRYRUN'}; see docs/redis-acl.md`,
    );
  }
  return answer === 'OK'
    ? ok(SUBJECT, 'what scripts wrote is read back from the append-only file')
    : fault(
        SUBJECT,
        'the default user may not write, so many versions of Redis and Valkey leave out at their next start what scripts wrote, which is all updates: run ACL SETUSER default off ~* &* +@all and keep it in the ACL file; with off, nobody can be this user',
      );
}
