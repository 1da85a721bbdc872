import { ConfigurationError } from '../errors.js';

/** A receipt that is gone while an attempt may still write protects nothing. @throws ConfigurationError when it could be */
export function requireReceiptsOutliveLeases(options: {
  readonly settledReceiptMs: number;
  readonly lockDurationMs: number;
}): void {
  const { settledReceiptMs, lockDurationMs } = options;
  const leastMs = 2 * lockDurationMs;
  if (settledReceiptMs < leastMs) {
    throw new ConfigurationError(
      `createWorker: settledReceiptMs is ${settledReceiptMs}, but receipts must outlive leases: set it to ${leastMs} or ` +
        `more, twice lockDurationMs, or lower lockDurationMs to ${Math.floor(settledReceiptMs / 2)}`,
    );
  }
}
