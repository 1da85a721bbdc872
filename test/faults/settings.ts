/** Names and times of everything that runs in a fault run. */

export const NAMESPACE = 'tally';
export const PREFIX = 'tally-queues';
export const QUEUES = ['counters', 'inventory', 'xp', 'scores', 'transactions', 'purse'] as const;

/** Of the subscriber. */
export const GROUP = 'faults';

/** Short, so that leases end, jobs stall and receipts go while faults last. */
export const LOCK_DURATION_MS = 1_000;
export const STALLED_INTERVAL_MS = 500;
export const SETTLED_RECEIPT_MS = 3_000;

/** Longest backoff of a job (30 s), the time until a dead worker's job runs again, and as much for a busy machine. */
export const DRAIN_LIMIT_MS = 240_000;
