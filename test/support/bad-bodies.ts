import type { BadRequest } from './bad-requests.js';

const good = '{"operation":"counter.increment","params":{"key":"k"}}';

/** An increment with these params in JSON. */
const increment = (params: string) => `{"operation":"counter.increment","params":${params}}`;

const by = (literal: string) => increment(`{"key":"k","by":${literal}}`);

const bytes = (...parts: (string | number)[]) =>
  new Uint8Array(
    Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([part])))),
  );

const json = (name: string, body: BadRequest['body'], at?: string): BadRequest => {
  return { name, body: body!, status: 400, code: 'INVALID_JSON', ...(at !== undefined && { at }) };
};

const invalid = (name: string, body: string, at: string, code = 'INVALID_PARAMS'): BadRequest => {
  return { name, body, status: 422, code, at };
};

/** Bodies of `POST /v1/updates` that are refused. */
export const badBodies: readonly BadRequest[] = [
  // JSON
  json('no body', ''),
  json('no JSON', 'hello'),
  json('a cut object', '{"operation":"counter.increment"'),
  json('a trailing comma', '{"operation":"counter.increment",}'),
  json('two values', `${good}${good}`),
  json('single quotes', "{'operation':'counter.increment'}"),
  json('a comment', `/* hi */ ${good}`),
  json('NaN', by('NaN')),
  json('Infinity', by('Infinity')),
  json('a hex number', by('0x10')),
  json('a leading zero', by('01')),
  json('a plus sign', by('+1')),
  json('a bare control character', increment('{"key":"a\u0001b"}')),
  json('a bare newline in a string', increment('{"key":"a\nb"}')),
  json('invalid UTF-8', bytes('{"operation":"counter.increment","params":{"key":"', 0xff, '"}}')),
  json('overlong UTF-8', bytes('{"operation":"counter.increment","params":{"key":"', 0xc0, 0xaf, '"}}')),
  json('UTF-8 of a surrogate', bytes('{"operation":"counter.increment","params":{"key":"', 0xed, 0xa0, 0x80, '"}}')),
  json('UTF-16', new Uint8Array(Buffer.from(good, 'utf16le'))),
  json(
    'a name twice',
    '{"operation":"counter.increment","operation":"counter.decrement","params":{"key":"k"}}',
    'operation',
  ),
  json('a name twice, deep', `[${good},${increment('{"key":"k","by":1,"by":2}')}]`, '[1].params.by'),
  json('a name twice, once escaped', increment('{"key":"k","b\\u0079":1,"by":2}'), 'params.by'),
  json('__proto__', increment('{"key":"k","__proto__":{"by":5}}'), 'params.__proto__'),
  json('__proto__, escaped', increment('{"key":"k","\\u005f_proto__":{"by":5}}'), 'params.__proto__'),
  json('constructor', '{"constructor":{"prototype":{}}}', 'constructor'),
  json('an array too deep', `${'['.repeat(40)}${']'.repeat(40)}`, ''),
  json('an object too deep', `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`, ''),
  json('100,000 levels', '['.repeat(100_000) + ']'.repeat(100_000), ''),

  // Updates
  invalid('null', 'null', '', 'INVALID_UPDATE'),
  invalid('a number', '5', '', 'INVALID_UPDATE'),
  invalid('a string', '"counter.increment"', '', 'INVALID_UPDATE'),
  invalid('an empty array', '[]', '', 'INVALID_UPDATE'),
  invalid('an array in an array', `[[${good}]]`, '[0]', 'INVALID_UPDATE'),
  invalid('an empty object', '{}', 'operation', 'INVALID_UPDATE'),
  invalid('an operation that is a number', '{"operation":1,"params":{}}', 'operation', 'INVALID_UPDATE'),
  invalid('an unknown operation', '{"operation":"counter.inc","params":{}}', 'operation', 'UNKNOWN_OPERATION'),
  invalid(
    'an operation with a long name',
    `{"operation":"${'x'.repeat(100_000)}","params":{}}`,
    'operation',
    'UNKNOWN_OPERATION',
  ),
  invalid('an operation of Object', '{"operation":"toString","params":{}}', 'operation', 'UNKNOWN_OPERATION'),
  invalid('an unknown property', `{"operation":"counter.increment","params":{"key":"k"},"x":1}`, '', 'INVALID_UPDATE'),
  invalid('an empty idempotency key', `${good.slice(0, -1)},"idempotencyKey":""}`, 'idempotencyKey', 'INVALID_UPDATE'),
  invalid(
    'an idempotency key that is a number',
    `${good.slice(0, -1)},"idempotencyKey":7}`,
    'idempotencyKey',
    'INVALID_UPDATE',
  ),
  invalid(
    'a long idempotency key',
    `${good.slice(0, -1)},"idempotencyKey":"${'ä'.repeat(128)}"}`,
    'idempotencyKey',
    'INVALID_UPDATE',
  ),
  invalid(
    'an idempotency key with a lone surrogate',
    `${good.slice(0, -1)},"idempotencyKey":"\\ud800"}`,
    'idempotencyKey',
    'INVALID_UPDATE',
  ),
  invalid('one bad update of many', `[${good},${good},${good},${by('0')}]`, '[3].params.by'),

  // Params
  invalid('no params', '{"operation":"counter.increment"}', 'params'),
  invalid('params that are an array', increment('[]'), 'params'),
  invalid('no key', increment('{}'), 'params.key'),
  invalid('an empty key', increment('{"key":""}'), 'params.key'),
  invalid('a key that is a number', increment('{"key":5}'), 'params.key'),
  invalid('a key of 513 bytes', increment(`{"key":"${'k'.repeat(513)}"}`), 'params.key'),
  invalid('a key with a lone surrogate', increment('{"key":"a\\udc00"}'), 'params.key'),
  invalid('a key of Tally', increment('{"key":"tally:job:1"}'), 'params.key', 'RESERVED_KEY'),
  invalid(
    'a key of BullMQ',
    `[${good},${increment('{"key":"bull:counters:wait"}')}]`,
    '[1].params.key',
    'RESERVED_KEY',
  ),
  invalid('a float', by('1.5'), 'params.by'),
  invalid('a string for a number', by('"5"'), 'params.by'),
  invalid('null for a number', by('null'), 'params.by'),
  invalid('true for a number', by('true'), 'params.by'),
  invalid('zero', by('0'), 'params.by'),
  invalid('a negative number', by('-3'), 'params.by'),
  invalid('2^53', by('9007199254740992'), 'params.by'),
  invalid('2^53 + 1, which is rounded when read', by('9007199254740993'), 'params.by'),
  invalid('a huge number', by('1e400'), 'params.by'),
  invalid('a number of 400 digits', by('9'.repeat(400)), 'params.by'),
  invalid('a float that is rounded to a whole number', by('1.00000000000000000001'), 'params.by'),
  invalid(
    'a number that is rounded to zero',
    '{"operation":"scores.add","params":{"entries":[{"key":"k","by":1e-400}]}}',
    'params.entries[0].by',
  ),
  invalid('field and member', increment('{"key":"k","field":"f","member":"m"}'), 'params.member'),
  invalid('a life of a field', increment('{"key":"k","field":"f","ttlSeconds":5}'), 'params.ttlSeconds'),
  invalid('an unknown param', increment('{"key":"k","amount":1}'), 'params'),
  invalid(
    'a bad choice',
    '{"operation":"inventory.take","params":{"key":"k","quantity":1,"whenShort":"x"}}',
    'params.whenShort',
  ),
  invalid(
    'a cart with one item twice',
    '{"operation":"inventory.takeAll","params":{"items":[{"key":"k","quantity":1},{"key":"k","quantity":1}]}}',
    'params.items[1].key',
  ),
  invalid(
    'levels that fall',
    '{"operation":"xp.award","params":{"key":"k","amount":1,"levels":[5,3]}}',
    'params.levels',
  ),
  invalid(
    'a transaction in a transaction',
    '{"operation":"transaction","params":{"updates":[{"operation":"transaction","params":{}},{"operation":"transaction","params":{}}]}}',
    'params.updates[0].operation',
  ),
  invalid(
    'a bad update in a transaction',
    `{"operation":"transaction","params":{"updates":[${good},${by('-1')}]}}`,
    'params.updates[1].params.by',
  ),
];
