import { ValidationError } from '../../src/errors.js';
import { parseStrictJson } from '../../src/api/strict-json.js';
import type { Registry } from '../../src/operations/registry.js';
import { checkUpdate } from '../../src/operations/update.js';
import type { Update } from '../../src/operations/update.js';
import { cellId } from '../../src/redis/cell.js';
import { NO_SLOT } from '../../src/redis/slots.js';
import { Problem } from '../../src/web/problems.js';
import type { OutboxRow } from './outbox.js';

/** The update of a row, and what it changes. */
export interface RowUpdate {
  readonly update: Update;
  /** Its cells, each once. */
  readonly cells: readonly string[];
}

/** Whatever is wrong with a row is its own: it must not hold up the others. @returns what is wrong, a code and words */
export function updateOf(row: OutboxRow, registry: Registry): RowUpdate | { readonly fault: string } {
  if (row.isTooLong) {
    return { fault: 'INVALID_PARAMS: params: must not be longer than 1 MiB' };
  }
  try {
    const { createdAtMs } = row;
    const params = withTime(parseStrictJson(row.params ?? 'null'), createdAtMs);
    const update = { operation: row.operation, params, idempotencyKey: row.id };
    const { steps } = checkUpdate(update, {
      registry,
      isReservedKey: () => false, // the producer knows
      slotOf: () => NO_SLOT,
      sentAt: () => createdAtMs ?? Date.now(),
    });
    return { update, cells: [...new Set(steps.flatMap(({ cells }) => cells.map(cellId)))] };
  } catch (error) {
    return { fault: faultOf(error) };
  }
}

/** A code and words. */
export function faultOf(error: unknown): string {
  if (error instanceof Problem) {
    return `INVALID_PARAMS: params: ${error.detail.replace('the body is not', 'not')}`;
  }
  return error instanceof ValidationError ? `${error.code}: ${error.message}` : `INVALID_UPDATE: ${String(error)}`;
}

interface Params {
  readonly bucket?: unknown;
  readonly at?: unknown;
  readonly updates?: unknown;
}

/** A row counts in the hour or day in which it was written, however late it is relayed. */
function withTime(params: unknown, createdAtMs: number | null): unknown {
  if (typeof params !== 'object' || params === null || createdAtMs === null) {
    return params;
  }
  const { bucket, at, updates } = params as Params;
  if (Array.isArray(updates)) {
    const timed = updates.map((step: unknown) => {
      const { params: ofStep } = (step ?? {}) as { params?: unknown };
      return ofStep === undefined ? step : { ...(step as object), params: withTime(ofStep, createdAtMs) };
    });
    return { ...params, updates: timed };
  }
  return bucket !== undefined && at === undefined ? { ...params, at: Math.floor(createdAtMs) } : params;
}
