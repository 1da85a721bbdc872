import { ConfigurationError } from '../errors.js';
import { cellId } from './cell.js';
import type { Cell, HoldCell } from './cell.js';
import { escapeGlob } from './glob.js';
import { NO_SLOT, tagBeside, tagOf } from './slots.js';
import type { Slot } from './slots.js';

/** Where Tally keeps its own keys. */
export interface Namespace {
  /** First part of every key of Tally's own. @defaultValue `tally` */
  readonly namespace: string;
  /** First part of every key of BullMQ's. @defaultValue `tally-queues`: other programs keep BullMQ's own, `bull` */
  readonly prefix: string;
}

export const DEFAULT_NAMESPACE: Namespace = { namespace: 'tally', prefix: 'tally-queues' };

/** What tells a job from all others, whatever their ids are. */
export interface JobName {
  /** First part of BullMQ's keys where it is. */
  readonly prefix: string;
  readonly queue: string;
  readonly jobId: string;
  /**
   * BullMQ's time of a job that somebody else added, whose id may be a number that is counted anew, or be used again;
   * undefined for Tally's own.
   */
  readonly addedAtMs?: number | undefined;
}

/** What tells an idempotency key from all others: it is one of its owner and of its operation. */
export interface IdempotencyName {
  /** Empty for callers without a name. */
  readonly owner: string;
  readonly operation: string;
  readonly key: string;
}

/** What a name has before and after the hash tag of its slot. */
export type AroundTag = readonly [before: string, after: string];

/** Every key that Tally itself writes, beside the cells that updates name. */
export interface Keys {
  /** Kept until 10 minutes after a job is settled: its outcomes in this slot, written together with its changes. */
  jobReceipt(job: JobName, slot: Slot): string;
  /** The names of {@link jobReceipt}, of {@link announced}, in any slot of a Cluster: what stands before and after its hash tag. */
  inAnySlot(job: JobName): { readonly receipt: AroundTag; readonly announced: AroundTag };
  /** Kept for the largest window announced: "tally/form slot fingerprint update-id outcome". */
  idempotencyReceipt(name: IdempotencyName, slot: Slot): string;
  /** A sorted set that only ever rises: the largest window and the latest time, see `src/redis/announced.ts`. */
  announced(slot: Slot): string;
  /** Kept for 30 days after the latest change: a list of the last changes of a cell, see `lua/apply.lua`. */
  history(cell: Cell, slot: Slot): string;
  /**
   * Where a part of the holds on a stock is kept, in the slot of its key: in all a string, of each reservation the quantity in a
   * hash, the end in ms in a sorted set; and for a day after it has ended a string that tells how, see
   * `lua/plans/reservations.lua`. Named alike on one server and in a Cluster, since it is state, which other services read.
   */
  hold(cell: HoldCell): Cell;
  /** Kept for half a minute: the worker whose turn it is to look for what is held for too long. */
  readonly overdueTurn: string;
  /** What fits all of them, and perhaps more; or their ends alone. */
  holdsPattern(which: 'all' | 'ends'): string;
  /** A set of the numbers of partitions into which queues are or were split, see `src/layout/layouts.ts`. */
  readonly partitionCounts: string;
  /** A hash of the schedules: id to JSON, see `src/jobs/schedule.ts`. */
  readonly schedules: string;
  /** A hash of the runs of schedules that ended last: id to JSON, see there. */
  readonly scheduleRuns: string;
  /** A stream of the outcomes of updates, if workers tell them, see `src/jobs/told.ts`. That of one server. */
  readonly outcomes: string;
  /** The same; a Cluster has several, each in a slot, see `src/jobs/told-streams.ts`. */
  outcomesIn(slot: Slot): string;
  /** A sorted set of the slots of a Cluster in which outcomes were told: by the time at which a worker said so last. */
  readonly outcomeStreams: string;
  /**
   * A hash of a group of subscribers: how far it has read in a stream, see `lua/read-group.lua`. On a Cluster that without a slot
   * says how the group began, see `src/subscribers/group.ts`.
   *
   * @param slot that of the stream. @defaultValue one server's
   */
  outcomeGroup(group: string, slot?: Slot): string;
  /** A list of the events that a group has set aside since its handler failed, the latest first. */
  deadOutcomes(group: string): string;
  /** A list of those of them that the group is to be told again, the first at its end; and who has them in hand. In the same slot. */
  outcomesAgain(group: string): readonly [letters: string, holder: string];
  /** The namespace of all workers of BullMQ's queues under the prefix, see `src/workers/queues-namespace.ts`. */
  readonly queuesNamespace: string;
  /** A hash: the mark by which a Redis is known that holds what Tally remembers, see `src/redis/installation.ts`. */
  readonly installation: string;
  /** A hash of the processes that are connected: host, process and role to JSON, see `src/metrics/processes.ts`. */
  readonly processes: string;
  /** A hash of the API keys, without their secrets: id to JSON, see `src/api/access/api-key.ts`. */
  readonly apiKeys: string;
  /** A hash of the users of the dashboard: name to JSON, see `dashboard/access/user.ts`. */
  readonly users: string;
  /** Kept for 12 hours: who signed in to the dashboard. By the digest of the session's id. */
  session(digest: string): string;
  /** A hash of what an operator has told workers: process to JSON, see `src/metrics/pulse-form.ts`. */
  readonly workerOrders: string;
  /** A hash of what workers did in a minute or hour since 1970, kept for hours; see there. */
  rates(unit: 'minute' | 'hour', number: number): string;
  /** A sorted set of the keys that were changed most in a minute since 1970, kept for a quarter of an hour. */
  hotKeys(minute: number): string;
  /** What the cookies of sessions are signed with. */
  readonly sessionSecret: string;
  /** A list of the last 1,000 actions in the dashboard, the latest first. */
  readonly audit: string;
  /** The same of requests that nobody signed in for: however many there are, they push no action out. */
  readonly anonymousAudit: string;
  /** A hash of the webhooks: id to JSON, see `src/subscribers/webhooks/webhook.ts`. */
  readonly webhooks: string;
  /** A hash: how far outcomes were handed out to webhooks, and which process does it, see `lua/lead-fan-out.lua`. */
  readonly webhookFanOut: string;
  /** A hash: how many deliveries of each webhook wait. */
  readonly webhookPending: string;
  /** A hash, kept for some minutes: when a webhook, or all of an owner at a server, may be sent to again, see `lua/take-turn.lua`. */
  webhookTurns(name: string): string;
  /** First part of BullMQ's keys of deliveries to webhooks. In one slot, however queues are split. */
  readonly deliveriesPrefix: string;
  /** Kept for a minute: what lets a browser follow outcomes once. By the digest of the token. */
  outcomesToken(digest: string): string;
  /** Kept for 90 days: a list of the jobs that an action of the audit has removed or retried. */
  auditJobs(id: string): string;
  /** Whether no update may write this key. */
  readonly isReserved: (key: string) => boolean;
}

const ANNOUNCED = ':announced';

/**
 * @throws ConfigurationError when one of the two lies under the other, since rights on one would be rights on the other; or
 * when one holds a brace, which would decide on slots in place of the tags
 */
export function createKeys(names: Namespace): Keys {
  const { namespace, prefix } = names;
  requireApart(names);
  const within = (slot: Slot) => (slot === NO_SLOT ? namespace : `${namespace}:{${tagOf(slot)}}`);
  const ofReceipt = ({ prefix: ofPartition, queue, jobId, addedAtMs }: JobName) =>
    `:job:${ofPartition}:${queue}:${jobId}${addedAtMs === undefined ? '' : `:${addedAtMs}`}`;
  const aroundTag = (end: string): AroundTag => [`${namespace}:{`, `}${end}`];
  return {
    jobReceipt: (job, slot) => within(slot) + ofReceipt(job),
    inAnySlot: (job) => ({ receipt: aroundTag(ofReceipt(job)), announced: aroundTag(ANNOUNCED) }),
    idempotencyReceipt: ({ owner, operation, key }, slot) =>
      `${within(slot)}:idem:${owner === '' ? '' : encodeURIComponent(owner)}:${operation}:${key}`,
    announced: (slot) => within(slot) + ANNOUNCED,
    history: (cell, slot) => `${within(slot)}:history:${cellId(cell)}`,
    hold: (cell) => holdKey(namespace, cell),
    overdueTurn: `${namespace}:overdue-turn`,
    holdsPattern: (which) => `${escapeGlob(namespace)}:{*}:${which === 'ends' ? 'hold-ends:' : 'h[eo]l'}*`,
    partitionCounts: `${namespace}:partitions`,
    schedules: `${namespace}:schedules`,
    scheduleRuns: `${namespace}:schedule-runs`,
    outcomes: `${namespace}:outcomes`,
    outcomesIn: (slot) => `${within(slot)}:outcomes`,
    outcomeStreams: `${namespace}:outcomes:streams`,
    outcomeGroup: (group, slot = NO_SLOT) => `${within(slot)}:outcomes:group:${group}`,
    deadOutcomes: (group) => `${namespace}:outcomes:dead:${group}`,
    outcomesAgain: (group) => againOf(namespace, `{${namespace}:outcomes:dead:${group}}`),
    queuesNamespace: `${prefix}:namespace`,
    installation: `${namespace}:installation`,
    processes: `${namespace}:processes`,
    apiKeys: `${namespace}:api-keys`,
    users: `${namespace}:users`,
    session: (digest) => `${namespace}:session:${digest}`,
    workerOrders: `${namespace}:worker-orders`,
    rates: (unit, number) => `${namespace}:rates:${unit}:${number}`,
    hotKeys: (minute) => `${namespace}:hot-keys:${minute}`,
    sessionSecret: `${namespace}:session-secret`,
    audit: `${namespace}:audit`,
    anonymousAudit: `${namespace}:audit-of-strangers`,
    webhooks: `${namespace}:webhooks`,
    webhookFanOut: `${namespace}:webhook-fan-out`,
    webhookPending: `${namespace}:webhook-pending`,
    webhookTurns: (name) => `${namespace}:webhook-turns:${name}`,
    deliveriesPrefix: `${prefix}:{webhooks}`,
    outcomesToken: (digest) => `${namespace}:outcomes-token:${digest}`,
    auditJobs: (id) => `${namespace}:audit-jobs:${id}`,
    isReserved: (key) => isUnder(key, namespace) || isUnder(key, prefix),
  };
}

function holdKey(namespace: string, { stock, part, reservation }: HoldCell): Cell {
  const within = `${namespace}:{${tagBeside(stock.key)}}`;
  const id = cellId(stock);
  switch (part) {
    case 'total':
      return { key: `${within}:held:${id}` };
    case 'quantity':
      return { key: `${within}:holds:${id}`, field: reservation };
    case 'end':
      return { key: `${within}:hold-ends:${id}`, member: reservation };
    case 'closing':
      return { key: `${within}:hold-closed:${reservation.length}:${reservation}:${id}` };
  }
}

function requireApart({ namespace, prefix }: Namespace): void {
  const braced = [namespace, prefix].find((name) => name.includes('{'));
  if (braced !== undefined) {
    throw new ConfigurationError(`namespace and prefix must not hold braces, but one is "${braced}": leave them out`);
  }
  if (isUnder(namespace, prefix) || isUnder(prefix, namespace)) {
    throw new ConfigurationError(
      `the namespace "${namespace}" (TALLY_NAMESPACE) and the prefix of queues "${prefix}" (TALLY_PREFIX) must not be the ` +
        'same, nor lie under each other: give them different names',
    );
  }
}

function isUnder(key: string, name: string): boolean {
  return key.startsWith(name) && (key.length === name.length || key[name.length] === ':');
}

/** In the slot of the key that stands in the braces. */
function againOf(namespace: string, tag: string): readonly [string, string] {
  return [`${namespace}:outcomes:again:${tag}`, `${namespace}:outcomes:again-holder:${tag}`];
}
