/**
 * The codes with which Redis refuses commands, and what to do about it. Other error replies are answers to one command, such
 * as WRONGTYPE or NOSCRIPT, or belong to a Cluster in motion, as MOVED does.
 */
export const REFUSALS = {
  OOM: 'its memory is full: raise maxmemory, or remove keys',
  READONLY: 'it is a replica, which takes no writes: point Tally at the master',
  NOREPLICAS: 'it has fewer replicas that keep up than min-replicas-to-write asks for',
  MISCONF: 'it could not save its data to disk, and takes no writes until it can: look at its log and its disk',
  NOPERM: 'the rights of its user in Redis do not suffice: see docs/redis-acl.md',
  LOADING: 'it is loading its data after a start, and answers when it has them',
  BUSY: 'a script has kept it busy for too long: SCRIPT KILL ends one that has written nothing',
  CLUSTERDOWN: 'its Cluster does not serve all slots: see CLUSTER INFO',
  MASTERDOWN: 'it is a replica that has lost its master',
  NOAUTH: 'it asks for a user and a password',
  WRONGPASS: 'it does not know this user with this password, or the user is off',
  MAXCLIENTS: 'it has as many connections as it takes: raise maxclients, or close what holds them',
  DENIED: 'it runs in protected mode and takes connections of its own machine only: give it a password, or bind it',
} as const;

export type RefusalCode = keyof typeof REFUSALS;

/** An error reply of Redis. */
export interface Refusal {
  /** Redis' own code, the first word of its reply; `MAXCLIENTS` and `NOPERM` also where Redis gives the code ERR. */
  readonly code: string;
  /** The reply, without the name of the user. */
  readonly message: string;
}

/** Replies whose code is ERR, for what has a code of its own elsewhere or in other versions. */
const WITHOUT_CODE: readonly (readonly [RegExp, RefusalCode])[] = [
  [/^ERR max number of clients/, 'MAXCLIENTS'],
  [/^ERR The user executing the script|can't run this command or subcommand/, 'NOPERM'], // in scripts, before 7.2
];

/** Before 7.0, what a command inside of a script was refused with stands within the words; so does what a Cluster met last. */
const QUOTED = /(?: -|Last error: ReplyError: )([A-Z]{3,}) /;

/** What Redis refused with, if that is what an error tells, itself or as its cause. */
export function refusalOf(error: unknown): Refusal | undefined {
  for (let cause = error; cause instanceof Error; cause = firstCause(cause)) {
    const code = codeOf(cause);
    if (code !== undefined) {
      return { code, message: withoutUser(cause.message) };
    }
  }
  return undefined;
}

export function isRefusalCode(code: string): code is RefusalCode {
  return Object.hasOwn(REFUSALS, code);
}

/** Redis 7 names the user in what it refuses: that is a part of REDIS_URL, which is not to be shown. */
export function withoutUser(message: string): string {
  return message.replace(/^((?:ERR|NOPERM) )User \S+ has /, '$1this user has ');
}

/** Of several masters, a transaction, or a Cluster of which no node answered, the first has to do. */
function firstCause(error: Error): unknown {
  const {
    cause,
    errors = [],
    previousErrors = [],
    lastNodeError,
  } = error as Error & {
    errors?: unknown[];
    previousErrors?: unknown[];
    lastNodeError?: unknown;
  };
  return cause ?? errors[0] ?? previousErrors[0] ?? lastNodeError;
}

function codeOf({ name, message }: Error): string | undefined {
  const quoted = QUOTED.exec(message)?.[1];
  if (quoted !== undefined && isRefusalCode(quoted)) {
    return quoted;
  }
  const [, first] = name === 'ReplyError' ? (/^([A-Z][A-Z_]+)(?: |$)/.exec(message) ?? []) : [];
  if (first === 'EXECABORT') {
    return undefined;
  }
  return first === 'ERR' ? (WITHOUT_CODE.find(([sign]) => sign.test(message))?.[1] ?? first) : first;
}
