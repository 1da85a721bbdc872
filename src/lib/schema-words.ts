import type { z } from 'zod';

const KINDS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  function: 'a function',
};

const quoted = (values: readonly unknown[]) => values.map((value) => JSON.stringify(value)).join(', ');

function wordsOfBound(origin: string, side: 'least' | 'most', bound: number | bigint): string {
  switch (origin) {
    case 'string':
      if (side === 'least' && bound === 1) {
        return 'must not be empty';
      }
      return `must have at ${side} ${bound} ${bound === 1 ? 'character' : 'characters'}`;
    case 'array':
      return `must be a list of at ${side} ${bound}`;
    default:
      return `must be at ${side} ${bound}`;
  }
}

/**
 * What is wrong with a value, where its schema does not say so itself: zod's own words tell what it received, not what to give.
 * For `schema.safeParse(value, { error: inWords })`.
 */
export function inWords(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'must be given' : `must be ${KINDS[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be ${issue.values.length === 1 ? '' : 'one of '}${quoted(issue.values)}`;
    case 'too_small':
      return wordsOfBound(issue.origin, 'least', issue.minimum);
    case 'too_big':
      return wordsOfBound(issue.origin, 'most', issue.maximum);
    default:
      return undefined;
  }
}

/** The same for a query, in which what is given again is a list. */
export function inWordsOfQuery(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'too_big' && issue.origin === 'array') {
    return `must be given ${issue.maximum} times at most`;
  }
  return Array.isArray(issue.input) ? 'must be given once' : inWords(issue);
}
