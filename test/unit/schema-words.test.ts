import { expect, test } from 'vitest';
import { z } from 'zod';
import { inWords, inWordsOfQuery } from '../../src/lib/schema-words.js';

const schema = z.strictObject({
  text: z.string().min(1).max(3),
  long: z.string().min(2),
  whole: z.int().min(1).max(9),
  yes: z.boolean(),
  kind: z.enum(['one', 'other']),
  version: z.literal(2),
  list: z.array(z.string()).min(1).max(2),
  part: z.strictObject({}),
  all: z.record(z.string(), z.int()),
  named: z.string('must be a name'),
});

function wordsOf(value: unknown, error = inWords): Record<string, string> {
  const { issues } = schema.safeParse(value, { error }).error!;
  return Object.fromEntries(issues.map(({ path, message }) => [path.join('.'), message]));
}

test('what is wrong with a value is said by what to give in its place', () => {
  expect(wordsOf({ version: 1 })).toEqual({
    text: 'must be given',
    long: 'must be given',
    whole: 'must be given',
    yes: 'must be given',
    kind: 'must be one of "one", "other"',
    version: 'must be 2',
    list: 'must be given',
    part: 'must be given',
    all: 'must be given',
    named: 'must be a name',
  });
  const wrong = { text: 1, long: '1', whole: 'x', yes: 1, kind: 1, version: '2', list: {}, part: [], all: 1, named: 1 };
  expect(wordsOf(wrong)).toEqual({
    text: 'must be a string',
    long: 'must have at least 2 characters',
    whole: 'must be a number',
    yes: 'must be true or false',
    kind: 'must be one of "one", "other"',
    version: 'must be 2',
    list: 'must be a list',
    part: 'must be an object',
    all: 'must be an object',
    named: 'must be a name',
  });
  expect(wordsOf({ ...wrong, text: '', whole: 1.5, list: [], all: { a: 'x' } })).toMatchObject({
    text: 'must not be empty',
    whole: 'must be a whole number',
    list: 'must be a list of at least 1',
    'all.a': 'must be a number',
  });
  expect(wordsOf({ ...wrong, text: 'four', whole: 10, list: ['', '', ''] })).toMatchObject({
    text: 'must have at most 3 characters',
    whole: 'must be at most 9',
    list: 'must be a list of at most 2',
  });
});

test('what stands in a query again is said to be given too often', () => {
  expect(wordsOf({ text: ['a', 'b'], list: ['', '', ''], kind: ['one', 'one'] }, inWordsOfQuery)).toMatchObject({
    text: 'must be given once',
    list: 'must be given 2 times at most',
    kind: 'must be given once',
  });
});
