import { ConfigurationError } from '../errors.js';

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
  /** A hash of the API keys, without their secrets: id to JSON, see `src/producers/http/access/api-key.ts`. */
  readonly apiKeys: string;
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
    apiKeys: `${namespace}:api-keys`,
    job: (queue, jobId) => `${prefix}:${queue}:${jobId}`,
    isReserved: (key) => isUnder(key, namespace) || isUnder(key, prefix),
  };
}

function isUnder(key: string, name: string): boolean {
  return key.startsWith(name) && (key.length === name.length || key[name.length] === ':');
}
