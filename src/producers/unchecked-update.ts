import type { Update } from '../operations/update.js';

/** A spread makes an object that costs all who look at it 2 us: it is for updates with other properties than usual. */
export function withKey(update: unknown, idempotencyKey: string): unknown {
  const { operation, params } = (update ?? {}) as Partial<Update>;
  for (const name in update as object) {
    if (name !== 'operation' && name !== 'params' && name !== 'idempotencyKey') {
      return { ...(update as object), idempotencyKey };
    }
  }
  return { operation, params, idempotencyKey };
}

/** Whether an update names a bucket to count in, or one of a transaction does. */
export function namesBucket(update: unknown): boolean {
  const { params } = (update ?? {}) as { params?: { bucket?: unknown; updates?: unknown } | null };
  const { bucket, updates } = params ?? {};
  return bucket !== undefined || (Array.isArray(updates) && updates.some(namesBucket));
}
