/** Names and times of everything that runs in a fault run. */

export const NAMESPACE = 'tally';
export const PREFIX = 'tally-queues';
export const QUEUES = ['counters', 'inventory', 'expiries', 'xp', 'scores', 'transactions', 'purse'] as const;

/** The groups of subscribers, and how many processes each has: those of one share its events, each group is told all of them. */
export const GROUPS: Readonly<Record<string, number>> = { alone: 1, shared: 2 };

/** Short, so that leases end, jobs stall and receipts go while faults last. */
export const LOCK_DURATION_MS = 1_000;
export const STALLED_INTERVAL_MS = 500;
export const SETTLED_RECEIPT_MS = 3_000;

/** How a topology is worked on. */
export interface Pace {
  readonly lockDurationMs: number;
  readonly stalledIntervalMs: number;
  readonly settledReceiptMs: number;
  /** From one burst of a producer to the next, at least and at most. */
  readonly betweenBurstsMs: readonly [number, number];
  /** How long a submit may take. */
  readonly submitTimeoutMs: number;
  /** How long a producer waits before it sends again what may not have been accepted: at first, doubling, and at most. */
  readonly resubmitMs: readonly [number, number];
}

export const SERVER_PACE: Pace = {
  lockDurationMs: LOCK_DURATION_MS,
  stalledIntervalMs: STALLED_INTERVAL_MS,
  settledReceiptMs: SETTLED_RECEIPT_MS,
  betweenBurstsMs: [40, 160],
  submitTimeoutMs: 2_000,
  resubmitMs: [200, 200],
};

/** Three or six servers share the machine: what takes longer than a lock is done again and again. */
export const CLUSTER_PACE: Pace = {
  lockDurationMs: 3 * LOCK_DURATION_MS,
  stalledIntervalMs: 2 * STALLED_INTERVAL_MS,
  settledReceiptMs: 2 * SETTLED_RECEIPT_MS,
  betweenBurstsMs: [120, 480],
  submitTimeoutMs: 5_000,
  resubmitMs: [500, 8_000], // what is not confirmed may be there: each time it is one more job
};

/** Longest backoff of a job (30 s), the time until a dead worker's job runs again, and as much for a busy machine. */
export const DRAIN_LIMIT_MS = 240_000;
