import type { Response } from 'express';
import { matchesPattern } from '../../lib/pattern.js';

/** What a caller may do. In patterns `*` stands for any text, also for none. */
export interface Access {
  /** Patterns of the operations that it may use, e.g. `counter.*`. */
  readonly operations: readonly string[];
  /** Patterns of the keys whose cells it may read and change, e.g. `stock:*`. */
  readonly keys: readonly string[];
  /** Whether it may only read. @defaultValue false */
  readonly readOnly?: boolean;
  /** Whether it may read metrics, and nothing else. @defaultValue false */
  readonly metricsOnly?: boolean | undefined;
  /** Whether each of its updates needs an idempotency key. @defaultValue false */
  readonly requireIdempotencyKey?: boolean | undefined;
  /** Whether it may add webhooks, and change those of its owner. @defaultValue false */
  readonly webhooks?: boolean | undefined;
  /**
   * Whose idempotency keys its updates have: the same key of another owner is another one. @defaultValue that of all who have
   * no name
   */
  readonly owner?: string | undefined;
}

/** Limits a request to this. Called before its endpoint; a request for which it is not called may do everything. */
export function restrictAccess(response: Response, access: Access): void {
  response.locals['access'] = access;
}

/** What a request is limited to; undefined when it is not. */
export function accessOf({ locals }: Response): Access | undefined {
  return locals['access'] as Access | undefined;
}

export function mayUseOperation(access: Access | undefined, operation: string): boolean {
  return access === undefined || access.operations.some((pattern) => matchesPattern(pattern, operation));
}

export function mayUseKey(access: Access | undefined, key: string): boolean {
  return access === undefined || access.keys.some((pattern) => matchesPattern(pattern, key));
}
