import { ADD_AND_FOLLOW, LOOK_AND_MEND, WORK } from '../bullmq/commands.js';
import type { Namespace } from '../redis/keys.js';

/** What a Redis user is for. */
export type Role =
  | ('producer' | 'reader' | 'subscriber' | 'api' | 'worker')
  | ('dashboard' | 'access' | 'webhooks' | 'inventory' | 'load' | 'doctor');

export const ROLES: Readonly<Record<Role, string>> = {
  producer: 'a service with a producer of its own; tally submit',
  reader: 'a service with a reader of its own; tally get; tally top',
  subscriber: 'a service with a subscriber of its own; tally dead-letters',
  api: 'tally api',
  worker: 'tally worker',
  dashboard: 'tally dashboard; tally failures',
  access: 'tally keys; tally users',
  webhooks: 'tally webhooks; tally outcomes',
  inventory: 'tally inventory',
  load: 'tally load',
  doctor: 'tally doctor',
};

/** Commands and the keys on which a role runs them. */
interface Need {
  readonly commands: readonly string[];
  /** None for commands without keys. */
  readonly keys: readonly KeyPattern[];
}

/** A pattern of keys, `%R~` for those that are only read. `cells` stands for the keys that updates name. */
type KeyPattern = `${'~' | '%R~'}${'tally-queues:' | 'tally:' | 'cells' | 'load:'}${string}`;

/** Commands that older servers do not know, by the first version of Redis that does; Valkey knows all. */
const SINCE: Readonly<Record<string, readonly [number, number]>> = {
  'ACL|DRYRUN': [7, 0],
  'CLIENT|SETINFO': [7, 2],
  WAITAOF: [7, 2],
};

const words = (text: string) => text.trim().split(/\s+/);

/** Every connection: its name, and whether the server is ready; in a Cluster, where which slot is. */
const CONNECTION = words(
  'INFO PING TIME CLIENT|SETNAME CLIENT|SETINFO SELECT CLUSTER|SLOTS CLUSTER|INFO CLUSTER|NODES READONLY READWRITE ASKING',
);

/** By their SHA-1, or by their text where the server does not know them yet. */
const SCRIPTS = words('EVAL EVALSHA SCRIPT|LOAD');

const CONFIRMATION = words('WAIT WAITAOF');

const QUEUES: readonly KeyPattern[] = ['~tally-queues:*'];

const LOOK_AT_QUEUES: Need = {
  commands: words('HEXISTS HMGET LINDEX LLEN ZCARD ZRANGE ZRANGEBYSCORE'),
  keys: ['%R~tally-queues:*'],
};

const WRITE_CELLS = words('GET MGET SET INCRBY EXPIRE PTTL DEL EXISTS HMGET HINCRBY HDEL ZMSCORE ZADD ZREM');

const READ_CELLS = words('TYPE PTTL GET HGET ZSCORE');

/** What a reader asks. */
const READ: readonly Need[] = [
  { commands: [...READ_CELLS, ...words('ZCARD ZCOUNT ZRANGE ZRANK ZREVRANGE ZREVRANK')], keys: ['%R~cells'] },
  { commands: ['LRANGE'], keys: ['%R~tally:history:*', '%R~tally:{*}:history:*'] },
];

/** In a Cluster beside the cells. */
const READ_RECEIPTS: readonly KeyPattern[] = [
  ...(['%R~tally:job:*', '%R~tally:{*}:job:*'] as const),
  ...(['%R~tally:idem:*', '%R~tally:{*}:idem:*'] as const),
];

/** The streams of outcomes, in a Cluster beside others, and how far their groups have come. */
const READ_OUTCOMES: readonly Need[] = [
  { commands: words('XINFO|GROUPS XRANGE XREAD XREVRANGE'), keys: ['%R~tally:outcomes', '%R~tally:{*}:outcomes'] },
  { commands: words('HMGET LLEN ZRANGE'), keys: ['%R~tally:outcomes:*', '%R~tally:{*}:outcomes:*'] },
];

/** How webhooks are doing. */
const READ_WEBHOOKS: Need = {
  commands: words('HGET HGETALL'),
  keys: ['%R~tally:webhooks', '%R~tally:webhook-fan-out', '%R~tally:webhook-pending'],
};

/** Who adds webhooks, and adds deliveries of what is replayed. */
const ADD_WEBHOOKS: readonly Need[] = [
  { commands: words('HDEL HGET HGETALL HLEN HSET'), keys: ['~tally:webhooks'] },
  { commands: ['HSET'], keys: ['~tally:webhook-fan-out'] },
  { commands: words('DEL HDEL HINCRBY HMGET'), keys: ['~tally:webhook-pending'] },
];

/** To cancel an update is to write them. */
const RECEIPTS: readonly KeyPattern[] = [
  ...(['~tally:job:*', '~tally:{*}:job:*'] as const),
  ...(['~tally:idem:*', '~tally:{*}:idem:*'] as const),
];

/** What is held of a stock: in all; of each reservation how much and until when; and how it ended. */
const HOLDS: readonly KeyPattern[] = [
  '~tally:{*}:held:*',
  '~tally:{*}:holds:*',
  '~tally:{*}:hold-ends:*',
  '~tally:{*}:hold-closed:*',
];

const READ_HOLDS: Need = {
  commands: words('GET HMGET ZCOUNT ZRANGEBYSCORE'),
  keys: ['%R~tally:{*}:held:*', '%R~tally:{*}:holds:*', '%R~tally:{*}:hold-ends:*'],
};

/** The largest window and the latest time, in a Cluster beside the cells. */
const ANNOUNCED: readonly KeyPattern[] = ['~tally:announced', '~tally:{*}:announced'];

/** That a process says that it is there. */
const ANNOUNCE: Need = { commands: words('HDEL HGETALL HSET'), keys: ['~tally:processes'] };

/** The mark by which a loss of all data is noticed. */
const INSTALLATION: Need = { commands: words('HGETALL HSET HSETNX'), keys: ['~tally:installation'] };

/** Jobs are added after a look at what is recorded under their keys. */
const SUBMIT: readonly Need[] = [
  { commands: [...CONNECTION, ...SCRIPTS, ...CONFIRMATION], keys: [] },
  { commands: ADD_AND_FOLLOW, keys: QUEUES },
  { commands: words('GET MGET'), keys: READ_RECEIPTS },
  { commands: words('ZADD ZSCORE ZMSCORE MGET'), keys: ANNOUNCED },
  { commands: words('SADD SMEMBERS'), keys: ['~tally:partitions'] },
];

const PRODUCE: readonly Need[] = [
  ...SUBMIT,
  { commands: ['SET'], keys: RECEIPTS },
  { commands: words('HGET HGETALL HSET HDEL'), keys: ['~tally:schedules', '~tally:schedule-runs'] },
  { commands: ['HGETALL'], keys: ['%R~tally:installation'] }, // `tally import` knows a Redis again by it
];

/**
 * What each role needs, and nothing else. The commands inside of scripts count: Redis checks them for whoever runs the
 * script. docs/redis-acl.md has these as ACL rules, and `tally doctor` checks the user of its connection by them.
 */
export const NEEDS: Readonly<Record<Role, readonly Need[]>> = {
  producer: PRODUCE,
  reader: [{ commands: CONNECTION, keys: [] }, ...READ, READ_HOLDS],
  subscriber: [
    { commands: [...CONNECTION, ...SCRIPTS], keys: [] },
    {
      commands: words(
        'XACK XCLAIM XGROUP|CREATE XGROUP|DELCONSUMER XINFO|GROUPS XPENDING XRANGE XREAD XREADGROUP XREVRANGE',
      ),
      keys: ['~tally:outcomes', '~tally:{*}:outcomes'],
    },
    {
      commands: words(
        'DEL GET HDEL HEXISTS HGET HINCRBY HMGET HSET HSETNX LINDEX LLEN LMOVE LPOS LPUSH LRANGE LREM LTRIM RPOP SET ZRANGE',
      ),
      keys: ['~tally:outcomes:*', '~tally:{*}:outcomes:*'],
    },
  ],
  api: [
    ...PRODUCE,
    LOOK_AT_QUEUES,
    { commands: LOOK_AND_MEND, keys: QUEUES }, // of failed updates
    { commands: ['CLIENT|LIST'], keys: [] },
    { commands: words('HEXISTS HGETALL HLEN'), keys: ['%R~tally:api-keys'] },
    INSTALLATION,
    ANNOUNCE,
    ...READ,
    ...READ_OUTCOMES,
    { commands: words('GETDEL SET'), keys: ['~tally:outcomes-token:*'] },
    ...ADD_WEBHOOKS,
    READ_WEBHOOKS,
    READ_HOLDS,
  ],
  worker: [
    { commands: [...CONNECTION, ...SCRIPTS, ...CONFIRMATION, 'CLIENT|LIST'], keys: [] },
    { commands: WORK, keys: QUEUES },
    { commands: words('GET SET EXPIRE'), keys: ['~tally:job:*', '~tally:{*}:job:*'] },
    { commands: words('MGET SET'), keys: ['~tally:idem:*', '~tally:{*}:idem:*'] },
    { commands: words('ZADD ZMSCORE'), keys: ANNOUNCED },
    { commands: words('DEL EXPIRE LPUSH LTRIM'), keys: ['~tally:history:*', '~tally:{*}:history:*'] },
    { commands: words('SADD SMEMBERS'), keys: ['~tally:partitions'] },
    { commands: ['HSET'], keys: ['~tally:schedule-runs'] },
    { commands: words('HGET HDEL'), keys: ['~tally:worker-orders'] },
    { commands: words('HINCRBY EXPIRE'), keys: ['~tally:rates:*'] },
    { commands: words('ZINCRBY ZREMRANGEBYRANK EXPIRE'), keys: ['~tally:hot-keys:*'] },
    {
      commands: words('MEMORY|USAGE XADD XRANGE XREAD XREVRANGE XTRIM'),
      keys: ['~tally:outcomes', '~tally:{*}:outcomes'],
    },
    { commands: words('ZADD ZRANGE'), keys: ['~tally:outcomes:streams'] },
    { commands: words('HGET HGETALL HSET'), keys: ['~tally:webhooks'] },
    { commands: words('HMGET HSET'), keys: ['~tally:webhook-fan-out'] },
    { commands: words('DEL HINCRBY HMGET'), keys: ['~tally:webhook-pending'] },
    { commands: words('HMGET HSET PEXPIRE'), keys: ['~tally:webhook-turns:*'] },
    INSTALLATION,
    ANNOUNCE,
    { commands: WRITE_CELLS, keys: ['~cells'] },
    { commands: WRITE_CELLS, keys: HOLDS },
    { commands: ['SCAN'], keys: [] },
    { commands: ['ZRANGEBYSCORE'], keys: ['~tally:{*}:hold-ends:*'] },
    { commands: words('GET PEXPIRE SET'), keys: ['~tally:overdue-turn'] },
  ],
  dashboard: [
    ...SUBMIT, // to revert
    { commands: ['CLIENT|LIST', 'MULTI', 'EXEC', 'SCAN'], keys: [] },
    { commands: LOOK_AND_MEND, keys: QUEUES },
    LOOK_AT_QUEUES,
    { commands: words('HGET HGETALL HLEN'), keys: ['%R~tally:users'] },
    INSTALLATION,
    ANNOUNCE,
    { commands: words('GET SET DEL'), keys: ['~tally:session:*', '~tally:session-secret'] },
    { commands: words('LPUSH LRANGE LTRIM'), keys: ['~tally:audit', '~tally:audit-of-strangers'] },
    { commands: words('RPUSH EXPIRE LRANGE'), keys: ['~tally:audit-jobs:*'] },
    { commands: ['HSET'], keys: ['~tally:worker-orders'] },
    { commands: ['HGETALL'], keys: ['%R~tally:rates:*'] },
    { commands: ['ZRANGE'], keys: ['%R~tally:hot-keys:*'] },
    { commands: ['LRANGE'], keys: ['%R~tally:history:*', '%R~tally:{*}:history:*'] },
    { commands: ['HGETALL'], keys: ['%R~tally:schedules', '%R~tally:schedule-runs'] },
    { commands: READ_CELLS, keys: ['%R~cells'] },
    READ_HOLDS,
    ...READ_OUTCOMES,
    { commands: ['HLEN'], keys: ['%R~tally:webhooks'] },
    READ_WEBHOOKS,
  ],
  access: [
    { commands: [...CONNECTION, 'EVAL'], keys: [] },
    { commands: words('HGET HGETALL HLEN HSET HSETNX HDEL'), keys: ['~tally:api-keys', '~tally:users'] },
    INSTALLATION,
    { commands: words('HGET HGETALL HSET'), keys: ['~tally:webhooks'] },
    { commands: ['HGETALL'], keys: ['%R~tally:schedules'] }, // those of an owner whose last API key is revoked go on
  ],
  webhooks: [
    { commands: [...CONNECTION, ...SCRIPTS], keys: [] },
    { commands: ADD_AND_FOLLOW, keys: ['~tally-queues:{webhooks}:*'] },
    ...READ_OUTCOMES,
    ...ADD_WEBHOOKS,
  ],
  inventory: [
    ...PRODUCE,
    { commands: ['SCAN'], keys: [] },
    { commands: words('GET HGETALL ZRANGE ZSCAN INCRBY DEL ZADD ZREM'), keys: HOLDS },
  ],
  load: [
    ...PRODUCE,
    LOOK_AT_QUEUES,
    { commands: words('GET MGET HMGET ZMSCORE UNLINK'), keys: ['~load:*'] },
    READ_HOLDS,
  ],
  doctor: [
    { commands: [...CONNECTION, ...SCRIPTS, 'CONFIG|GET', 'ACL|DRYRUN', 'CLIENT|LIST'], keys: [] },
    { commands: words('LINDEX LLEN LRANGE ZCARD ZCOUNT ZRANGE ZRANGEBYSCORE HGET HMGET'), keys: ['%R~tally-queues:*'] },
    { commands: ['SMEMBERS'], keys: ['%R~tally:partitions'] },
    ...READ_OUTCOMES,
    { commands: ['HGETALL'], keys: ['%R~tally:processes'] },
  ],
};

/** What the rules of a user are made of. */
export interface RuleOptions extends Namespace {
  /** Patterns of the keys that updates name, such as `stock:*`. */
  readonly cells: readonly string[];
  /** Of Redis, `[7, 0]`; undefined for Valkey. @defaultValue undefined */
  readonly version?: readonly [number, number] | undefined;
}

/** The rules of an ACL that give these roles what they need, and nothing else. */
export function aclRules(roles: readonly Role[], options: RuleOptions): string {
  const needs = roles.flatMap((role) => NEEDS[role]);
  const commands = new Set(needs.flatMap(({ commands }) => commands).filter((command) => isKnown(command, options)));
  const keys = new Set(needs.flatMap(({ keys }) => keys).flatMap((pattern) => patternsOf(pattern, options)));
  const writable = (pattern: string) => pattern.startsWith('%R') && keys.has(pattern.slice('%R'.length));
  return [
    ...['resetchannels', '-@all'],
    ...[...commands].sort().map((command) => `+${command.toLowerCase()}`),
    ...[...keys].filter((pattern) => !writable(pattern)).sort(),
  ].join(' ');
}

/** Whether a server of this version knows a command. */
function isKnown(command: string, { version }: Pick<RuleOptions, 'version'>): boolean {
  const [major = 0, minor = 0] = SINCE[command] ?? [];
  return version === undefined || version[0] > major || (version[0] === major && version[1] >= minor);
}

/** With the names that this installation uses. */
export function patternsOf(pattern: KeyPattern, { namespace, prefix, cells }: RuleOptions): string[] {
  const [, access = '', rest = ''] = /^(~|%R~)(.*)$/.exec(pattern) ?? [];
  if (rest === 'cells') {
    return cells.map((cell) => `${access}${cell}`);
  }
  return [access + rest.replace(/^(tally|tally-queues):/, (_, name) => `${name === 'tally' ? namespace : prefix}:`)];
}
