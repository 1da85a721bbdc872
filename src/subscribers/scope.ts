import { z } from 'zod';
import { matchesPattern } from '../lib/pattern.js';
import type { OutcomeEvent } from './event.js';

/** What an API key may know of. In patterns `*` stands for any text. */
export interface Scope {
  readonly operations: readonly string[];
  readonly keys: readonly string[];
}

/** An event, and what has to be known beside it to say who may be told. */
export interface Told {
  readonly event: OutcomeEvent;
  /** Operations of the steps of a transaction, none of other updates; undefined where its job can't be read. */
  readonly steps: readonly string[] | undefined;
}

export const scopeShape = { operations: z.array(z.string()).readonly(), keys: z.array(z.string()).readonly() };

/**
 * Whether whoever has this scope may know of an event: of its operation, of those of a transaction's steps, and of each of its cells.
 * An event without cells, of a job that can't be read, is for those who may know of all keys; one whose steps can't be told, for those
 * who may use all operations.
 */
export function isWithin({ event: { data }, steps }: Told, { operations, keys }: Scope): boolean {
  return (
    [data.operation, ...(steps ?? [])].every((name) => operations.some((pattern) => matchesPattern(pattern, name))) &&
    (steps !== undefined || operations.includes('*')) &&
    (data.cells.length === 0
      ? keys.includes('*')
      : data.cells.every(({ key }) => keys.some((pattern) => matchesPattern(pattern, key))))
  );
}
