import { gzipSync } from 'node:zlib';

/** A request that the API refuses, and how. */
export interface BadRequest {
  readonly name: string;
  readonly method?: string;
  /** @defaultValue `/v1/updates` */
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly status: number;
  readonly code: string;
  /** The path of the first error. @defaultValue no errors are named */
  readonly at?: string;
  readonly headersOfAnswer?: Record<string, string>;
}

const EVENTS = '/v1/events';
const BATCH = { 'content-type': 'application/cloudevents-batch+json' };
const good = '{"operation":"counter.increment","params":{"key":"k"}}';

/** An event in JSON that is good but for what is added. */
const increment = (more = '') =>
  `{"specversion":"1.0","id":"1","source":"/s","type":"tally.counter.increment","data":{"key":"k"}${more}}`;

function query(name: string, path: string, at?: string): BadRequest {
  return { name, method: 'GET', path, status: 422, code: 'INVALID_QUERY', ...(at !== undefined && { at }) };
}

function wait(name: string, text: string, at = 'wait'): BadRequest {
  return { name, path: `/v1/updates?${text}`, body: good, status: 422, code: 'INVALID_QUERY', at };
}

function event(name: string, body: string, at: string, code = 'INVALID_EVENT'): BadRequest {
  return {
    name,
    path: EVENTS,
    headers: { 'content-type': 'application/cloudevents+json' },
    body,
    status: 422,
    code,
    at,
  };
}

function binary(name: string, more: Record<string, string>, status: number, code: string, at?: string): BadRequest {
  const attributes = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/s', 'ce-type': 'tally.counter.increment' };
  const headers = { ...attributes, ...more };
  return { name, path: EVENTS, headers, body: '{"key":"k"}', status, code, ...(at !== undefined && { at }) };
}

function method(name: string, method: string, path: string, allow: string): BadRequest {
  return { name, method, path, status: 405, code: 'METHOD_NOT_ALLOWED', headersOfAnswer: { allow } };
}

function path(name: string, method: string, path: string, code = 'NOT_FOUND'): BadRequest {
  return { name, method, path, status: 404, code };
}

function schedule(
  name: string,
  body: string,
  at?: string,
  { status = 422, code = 'INVALID_SCHEDULE' }: { status?: number; code?: string } = {},
): BadRequest {
  return { name, method: 'PUT', path: '/v1/schedules/a', body, status, code, ...(at !== undefined && { at }) };
}

/** Requests that are refused, whatever is in the body. */
export const badRequests: readonly BadRequest[] = [
  // Sizes
  { name: 'a body over 1 MiB', body: `"${'x'.repeat(1024 * 1024)}"`, status: 413, code: 'BODY_TOO_LARGE' },
  {
    name: 'a small body that is large when inflated',
    body: new Uint8Array(gzipSync(' '.repeat(2 * 1024 * 1024))),
    headers: { 'content-encoding': 'gzip' },
    status: 413,
    code: 'BODY_TOO_LARGE',
  },
  { name: '1,001 updates', body: `[${Array(1_001).fill(good).join()}]`, status: 413, code: 'TOO_MANY_UPDATES' },
  {
    name: '1,001 events',
    path: EVENTS,
    headers: BATCH,
    body: `[${Array(1_001).fill(increment()).join()}]`,
    status: 413,
    code: 'TOO_MANY_UPDATES',
  },

  // Headers
  {
    name: 'plain text, as a page of another site could send',
    headers: { 'content-type': 'text/plain' },
    body: good,
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  {
    name: 'a form',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: good,
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  { name: 'no content type', headers: { 'content-type': '' }, body: good, status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' },
  {
    name: 'a content type that only ends in JSON',
    headers: { 'content-type': 'text/plain; application/json' },
    body: good,
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  {
    name: 'another charset',
    headers: { 'content-type': 'application/json; charset=latin1' },
    body: good,
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  {
    name: 'an unknown encoding',
    headers: { 'content-encoding': 'zstd9' },
    body: good,
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  { name: 'gzip that is none', headers: { 'content-encoding': 'gzip' }, body: good, status: 400, code: 'BAD_REQUEST' },
  {
    name: 'a page of another site',
    headers: { 'sec-fetch-site': 'cross-site' },
    body: good,
    status: 403,
    code: 'OTHER_SITE',
  },
  {
    name: 'a page of another origin',
    headers: { origin: 'https://example.com' },
    body: good,
    status: 403,
    code: 'OTHER_SITE',
  },
  {
    name: 'an idempotency key for an array',
    headers: { 'idempotency-key': 'a' },
    body: `[${good}]`,
    status: 422,
    code: 'INVALID_HEADER',
    at: 'Idempotency-Key',
  },
  {
    name: 'two idempotency keys',
    headers: { 'idempotency-key': 'a' },
    body: `${good.slice(0, -1)},"idempotencyKey":"b"}`,
    status: 422,
    code: 'INVALID_HEADER',
    at: 'Idempotency-Key',
  },
  {
    name: 'a long idempotency key in a header',
    headers: { 'idempotency-key': 'k'.repeat(256) },
    body: good,
    status: 422,
    code: 'INVALID_HEADER',
    at: 'Idempotency-Key',
  },
  {
    name: 'an idempotency key beyond ASCII in a header',
    headers: { 'idempotency-key': 'ä' },
    body: good,
    status: 422,
    code: 'INVALID_HEADER',
    at: 'Idempotency-Key',
  },

  // Queries
  wait('a wait that is no number', 'wait=long'),
  wait('a wait that is too long', 'wait=30001'),
  wait('a negative wait', 'wait=-1'),
  wait('a wait of 1e3', 'wait=1e3'),
  wait('an empty wait', 'wait='),
  wait('two waits', 'wait=1&wait=2'),
  wait('a mistyped parameter', 'wiat=1', 'wiat'),
  query('a cell without a key', '/v1/cells', 'key'),
  query('a cell with an empty key', '/v1/cells?key=', 'key'),
  query('a cell with two keys', '/v1/cells?key=a&key=b', 'key'),
  query('a cell with field and member', '/v1/cells?key=a&field=f&member=m', 'member'),
  query('a key that is not UTF-8', '/v1/cells?key=%ff'),
  query('a stray percent sign', '/v1/cells?key=100%'),
  query('a long key', `/v1/cells?key=${'k'.repeat(513)}`, 'key'),
  query('a query where none belongs', '/v1/operations?x=1', 'x'),
  { ...query('a reserved cell', '/v1/cells?key=tally:x', 'key'), code: 'RESERVED_KEY' },

  // Events
  { ...event('an event without attributes', '{"key":"k"}', 'specversion'), headers: {} },
  event('an event that is an array', `[${increment()}]`, ''),
  { ...event('a batch that is an object', increment(), ''), headers: BATCH },
  event('an event without an id', increment().replace('"id":"1",', ''), 'id'),
  event('an event whose id is a number', increment().replace('"id":"1"', '"id":1'), 'id'),
  event('an event of version 0.3', increment().replace('1.0', '0.3'), 'specversion'),
  event('an event with data in base64', increment(',"data_base64":"eA=="'), 'data_base64'),
  event('an event with XML', increment(',"datacontenttype":"text/xml"'), 'datacontenttype'),
  event('an event whose id has a line break', increment().replace('"id":"1"', '"id":"1\\n"'), 'id'),
  event('an event with null for an id', increment().replace('"id":"1"', '"id":null'), 'id'),
  event('an event from a source with a space', increment().replace('/s', '/my shop'), 'source'),
  event('an event from a source beyond ASCII', increment().replace('/s', '/Größe'), 'source'),
  event('an event from a source with a stray percent sign', increment().replace('/s', '/100%'), 'source'),
  event('an event from a source that is neither scheme nor path', increment().replace('/s', '1:2'), 'source'),
  event('an event of no time', increment(',"time":"yesterday"'), 'time'),
  event('an event of a day that is none', increment(',"time":"2026-02-30T12:00:00Z"'), 'time'),
  event('an event of a time without its zone', increment(',"time":"2026-01-31T12:00:00"'), 'time'),
  event('an event with an empty subject', increment(',"subject":""'), 'subject'),
  event('an event with a schema that is no absolute URI', increment(',"dataschema":"/params"'), 'dataschema'),
  event('an event with an object for an attribute', increment(',"shop":{"id":7}'), 'shop'),
  event('an event with a fraction for an attribute', increment(',"shop":1.5'), 'shop', 'INVALID_EVENT'),
  event('an attribute in capitals', increment(',"myExtension":"x"'), 'myExtension'),
  event('an event without data', increment().replace(',"data":{"key":"k"}', ''), 'data'),
  event('an event of an unknown type', increment().replace('tally.counter', 'tally.x'), 'type', 'UNKNOWN_OPERATION'),
  event('an event of another family', increment().replace('tally.', ''), 'type', 'UNKNOWN_OPERATION'),
  event('a bad param in an event', increment().replace('"k"', '"k","by":0.1'), 'data.by', 'INVALID_PARAMS'),
  event('a reserved key in an event', increment().replace('"k"', '"tally:x"'), 'data.key', 'RESERVED_KEY'),
  binary('an attribute with a stray percent sign', { 'ce-id': '100%' }, 422, 'INVALID_HEADER', 'ce-id'),
  binary('an attribute beyond ASCII', { 'ce-id': 'ä' }, 422, 'INVALID_HEADER', 'ce-id'),
  binary('an attribute in overlong UTF-8', { 'ce-id': '%C0%A0' }, 422, 'INVALID_HEADER', 'ce-id'),
  binary(
    'an event in another format',
    { 'content-type': 'application/cloudevents+avro' },
    415,
    'UNSUPPORTED_MEDIA_TYPE',
  ),
  binary('an attribute that is empty', { 'ce-id': '' }, 422, 'INVALID_EVENT', 'id'),
  binary('an event as text', { 'content-type': 'text/plain' }, 415, 'UNSUPPORTED_MEDIA_TYPE'),

  // Methods and paths
  method('PUT of updates', 'PUT', '/v1/updates', 'POST, GET, HEAD'),
  method('OPTIONS', 'OPTIONS', '/v1/updates', 'POST, GET, HEAD'),
  method('PATCH of an update', 'PATCH', '/v1/updates/x', 'GET, HEAD, DELETE'),
  method('POST of schedules', 'POST', '/v1/schedules', 'GET, HEAD'),
  method('POST of a schedule', 'POST', '/v1/schedules/a', 'GET, HEAD, PUT, DELETE'),
  method('POST of cells', 'POST', '/v1/cells?key=k', 'GET, HEAD'),
  path('another path', 'POST', '/v1/update'),
  path('another version', 'POST', '/v2/updates'),
  path('capitals', 'POST', '/V1/updates'),
  path('a trailing slash', 'POST', '/v1/updates/'),
  path('two slashes', 'POST', '//v1/updates'),
  path('an escaped slash', 'POST', '/v1%2fupdates'),
  path('a way up to the files', 'GET', '/docs/..%2f..%2fpackage.json'),
  path('an id with a null byte', 'GET', '/v1/updates/%00', 'UPDATE_NOT_FOUND'),
  path('an id with a way up', 'GET', '/v1/updates/..%2f..%2fetc%2fpasswd', 'UPDATE_NOT_FOUND'),
  path('to cancel what is not there', 'DELETE', '/v1/updates/x', 'UPDATE_NOT_FOUND'),
  path('to cancel an id with a null byte', 'DELETE', '/v1/updates/%00', 'UPDATE_NOT_FOUND'),
  path('to remove a schedule that is not there', 'DELETE', '/v1/schedules/%00', 'SCHEDULE_NOT_FOUND'),
  schedule('a schedule without a time', `{"update":${good}}`, 'cron'),
  schedule('a schedule that is not JSON', '{', undefined, { status: 400, code: 'INVALID_JSON' }),
  schedule('a schedule that is a list', '[]'),
  schedule('a schedule without an update', '{"everyMs":5000}', 'update', { code: 'INVALID_UPDATE' }),
  schedule(
    'a schedule with a time zone of nowhere',
    `{"cron":"0 0 * * *","timeZone":"A/B","update":${good}}`,
    'timeZone',
  ),
  schedule('a schedule every fraction', `{"everyMs":5000.5,"update":${good}}`, 'everyMs'),
  schedule('a schedule with a name it does not know', `{"everyMs":5000,"limit":1,"update":${good}}`, ''),
  { ...schedule('a schedule of another id', `{"everyMs":5000,"update":${good}}`, 'id'), path: '/v1/schedules/%00' },
  { ...path('a path that can not be decoded', 'GET', '/v1/updates/%zz', 'BAD_REQUEST'), status: 400 },
];
