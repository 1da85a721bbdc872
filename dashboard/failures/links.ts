import type { FailureFilter } from '../../src/producers/failures/failure-filter.js';

export const FAILURES_PATH = '/ops/failures';
export const RETRY_PATH = '/ops/failures/retry';
export const REMOVE_PATH = '/ops/failures/remove';

/** A page about the failures that a filter means. */
export function failuresLink(path: string, filter: FailureFilter, more: Readonly<Record<string, string>> = {}): string {
  const given = Object.entries(filter).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const query = new URLSearchParams([...given, ...Object.entries(more)]).toString();
  return query === '' ? path : `${path}?${query}`;
}
