import { z } from 'zod';
import { matchesPattern } from '../lib/pattern.js';
import type { OutcomeEvent } from './event.js';

/** What an API key may know of. In patterns `*` stands for any text. */
export interface Scope {
  readonly operations: readonly string[];
  readonly keys: readonly string[];
}

export const scopeShape = { operations: z.array(z.string()).readonly(), keys: z.array(z.string()).readonly() };

/**
 * Whether whoever has this scope may know of an event: of its operation, and of each of its cells. An event without cells, of a job
 * that can't be read, is for those who may know of all keys.
 */
export function isWithin({ data }: OutcomeEvent, { operations, keys }: Scope): boolean {
  return (
    operations.some((pattern) => matchesPattern(pattern, data.operation)) &&
    (data.cells.length === 0
      ? keys.includes('*')
      : data.cells.every(({ key }) => keys.some((pattern) => matchesPattern(pattern, key))))
  );
}
