import { expect, test } from 'vitest';
import { createWorker } from '../../src/index.js';

test('a worker whose receipts would not outlive its leases is refused, and told what to set', () => {
  expect(() => createWorker({ redis: 'redis://127.0.0.1:1', lockDurationMs: 2_000, settledReceiptMs: 3_999 })).toThrow(
    'settledReceiptMs is 3999, but receipts must outlive leases: set it to 4000 or more, twice lockDurationMs, or lower ' +
      'lockDurationMs to 1999',
  );
});
