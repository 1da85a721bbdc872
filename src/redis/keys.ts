import { ConfigurationError } from '../errors.js';
import { cellId } from '../operations/cell.js';
import type { Cell } from '../operations/cell.js';

/** Where Tally keeps its own keys. */
export interface Namespace {
  /** First part of every key of Tally's own. @defaultValue `tally` */
  readonly namespace: string;
  /** First part of every key of BullMQ's. @defaultValue `bull` */
  readonly prefix: string;
}

export const DEFAULT_NAMESPACE: Namespace = { namespace: 'tally', prefix: 'bull' };

/** Every key that Tally itself writes, beside the cells that updates name. */
export interface Keys {
  /** Kept until 10 minutes after a job is settled: its outcomes, written together with its changes. */
  jobReceipt(jobId: string): string;
  /** Kept for the idempotency window: "fingerprint update-id outcome". */
  idempotencyReceipt(idempotencyKey: string): string;
  /** Kept for 30 days after the latest change: a list of the last changes of a cell, see `lua/frame.lua`. */
  history(cell: Cell): string;
  /** A hash of the API keys, without their secrets: id to JSON, see `src/producers/http/access/api-key.ts`. */
  readonly apiKeys: string;
  /** A hash of the users of the dashboard: name to JSON, see `dashboard/access/user.ts`. */
  readonly users: string;
  /** Kept for 12 hours: who signed in to the dashboard. By the digest of the session's id. */
  session(digest: string): string;
  /** What the cookies of sessions are signed with. */
  readonly sessionSecret: string;
  /** A list of the last 1,000 actions in the dashboard, the latest first. */
  readonly audit: string;
  /** The same of requests that nobody signed in for: however many there are, they push no action out. */
  readonly auditOfStrangers: string;
  /** BullMQ's hash of a job. */
  job(queue: string, jobId: string): string;
  /** Whether no update may write this key. */
  readonly isReserved: (key: string) => boolean;
}

/** @throws ConfigurationError when the two are the same: receipts and BullMQ's keys would meet */
export function createKeys({ namespace, prefix }: Namespace): Keys {
  if (namespace === prefix) {
    throw new ConfigurationError(`namespace and prefix are both "${namespace}": give them different names`);
  }
  return {
    jobReceipt: (jobId) => `${namespace}:job:${jobId}`,
    idempotencyReceipt: (idempotencyKey) => `${namespace}:idem:${idempotencyKey}`,
    history: (cell) => `${namespace}:history:${cellId(cell)}`,
    apiKeys: `${namespace}:api-keys`,
    users: `${namespace}:users`,
    session: (digest) => `${namespace}:session:${digest}`,
    sessionSecret: `${namespace}:session-secret`,
    audit: `${namespace}:audit`,
    auditOfStrangers: `${namespace}:audit-of-strangers`,
    job: (queue, jobId) => `${prefix}:${queue}:${jobId}`,
    isReserved: (key) => isUnder(key, namespace) || isUnder(key, prefix),
  };
}

function isUnder(key: string, name: string): boolean {
  return key.startsWith(name) && (key.length === name.length || key[name.length] === ':');
}
