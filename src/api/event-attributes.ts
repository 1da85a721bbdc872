import { createHash } from 'node:crypto';
import { z } from 'zod';
import { pathText } from '../operations/update.js';
import { isJsonType, mediaTypeOf } from './json-body.js';
import { parseStrictJson } from './strict-json.js';
import { Problem, problemOfErrors } from '../web/problems.js';
import type { ProblemError } from '../web/problems.js';
import { distinctIssues } from '../lib/distinct-issues.js';

/** The type of an event is this and the operation's name. */
const TYPE_PREFIX = 'tally.';

/** The longest idempotency key, in bytes. */
const MAX_KEY_BYTES = 255;

const ATTRIBUTE_NAME = /^[a-z0-9]+$/;

/** Characters that no attribute may hold. */
const CONTROL = /\p{Cc}/u;

/** A scheme, or no colon in the first segment; of the rest, which characters may stand there: RFC 3986, appendix A. */
const URI_REFERENCE =
  /^(?:[a-z][a-z0-9+.-]*:|(?![^/?#]*:))(?:[\w.~!$&'()*+,;=:@/?[\]-]|%[0-9a-f]{2})*(?:#(?:[\w.~!$&'()*+,;=:@/?-]|%[0-9a-f]{2})*)?$/i;

const TIMESTAMP = z.iso.datetime({ offset: true });

function attribute() {
  return z
    .string({ error: (issue) => (issue.input === undefined ? 'is missing' : 'must be a string') })
    .min(1, 'must not be empty')
    .refine((text) => text.isWellFormed(), 'must be valid Unicode, without lone surrogates')
    .refine((text) => !CONTROL.test(text), 'must not hold control characters');
}

/** The attributes of others, of which Tally knows nothing. */
const extension = z.union([z.string(), z.boolean(), z.int32()], {
  error: 'must be a string, true, false or a whole number of 32 bits',
});

/** A CloudEvent 1.0 in JSON; see https://github.com/cloudevents/spec. */
export const eventSchema = z
  .object(
    {
      specversion: z.literal('1.0', { error: 'must be "1.0"' }),
      id: attribute().meta({ description: 'With `source`, the idempotency key.' }),
      source: attribute()
        .refine((text) => URI_REFERENCE.test(text), 'must be a URI reference, e.g. /shop/7: percent-encode all else')
        .meta({ format: 'uri-reference' }),
      type: attribute()
        .refine((type) => type.startsWith(TYPE_PREFIX), {
          error: 'is not a type of Tally: "tally." and the name of an operation, e.g. "tally.counter.increment"',
          params: { code: 'UNKNOWN_OPERATION' },
        })
        .meta({ description: '`tally.` and the name of an operation: `tally.counter.increment`.' }),
      datacontenttype: attribute()
        .refine((contentType) => isJsonType(mediaTypeOf(contentType)), 'must be application/json')
        .optional()
        .meta({ description: '`application/json`, which is also the default, or another type of JSON.' }),
      dataschema: attribute().refine(isAbsoluteUri, 'must be an absolute URI').optional().meta({ format: 'uri' }),
      subject: attribute().optional(),
      time: attribute()
        .refine(isTimestamp, 'must be a time as in RFC 3339, e.g. 2026-01-31T12:00:00Z')
        .optional()
        .meta({ format: 'date-time' }),
      data: z
        .custom<unknown>((data) => data !== undefined, { error: 'is missing: it holds the params of the operation' })
        .meta({ description: 'The params of the operation; or in `data_base64`, as JSON.' }),
    },
    { error: 'an event is an object { specversion, id, source, type, data }' },
  )
  .catchall(extension)
  .superRefine((event, context) => {
    for (const name of Object.keys(event).filter((it) => !ATTRIBUTE_NAME.test(it))) {
      context.addIssue({ code: 'custom', path: [name], message: 'attributes are named with a-z and 0-9' });
    }
  });

type CloudEvent = z.output<typeof eventSchema>;

function isAbsoluteUri(text: string): boolean {
  return URI_REFERENCE.test(text) && /^[a-z][^/?#]*:/i.test(text);
}

/** RFC 3339 allows small letters, too. */
function isTimestamp(text: string): boolean {
  return TIMESTAMP.safeParse(text.toUpperCase()).success;
}

interface EventError extends ProblemError {
  readonly code: 'INVALID_EVENT' | 'UNKNOWN_OPERATION';
}

function codeOf(issue: z.core.$ZodIssue): EventError['code'] {
  const isUnknownType = issue.code === 'custom' && issue.params?.['code'] === 'UNKNOWN_OPERATION';
  return isUnknownType ? 'UNKNOWN_OPERATION' : 'INVALID_EVENT';
}

/**
 * Checks events: all are valid or none.
 *
 * @param places where each stands, for the paths of what is wrong: empty for the body itself
 * @throws Problem `INVALID_EVENT`, or `UNKNOWN_OPERATION` for a type of someone else's
 */
export function checkEvents(events: readonly unknown[], places: (index: number) => string): CloudEvent[] {
  const errors: EventError[] = [];
  const checked = events.flatMap((event, index) => {
    const read = readData(withoutUnset(event));
    const parsed = eventSchema.safeParse(read.event);
    const issues = parsed.success ? [] : distinctIssues(parsed.error);
    for (const issue of read.issue === undefined ? issues : [read.issue]) {
      const path = [places(index), pathText(issue.path)].filter((part) => part !== '').join('.');
      errors.push({ path, code: codeOf(issue), message: issue.message });
    }
    return parsed.success && read.issue === undefined ? [parsed.data] : [];
  });
  if (errors.length > 0) {
    const [first] = errors as [EventError, ...EventError[]];
    throw problemOfErrors(first.code, errors as [EventError, ...EventError[]], { accepted: 'none' });
  }
  return checked;
}

/** Puts data that are given in base64 into their place: they must be JSON, as senders make it who do not look into data. */
function readData(event: unknown): { readonly event: unknown; readonly issue?: z.core.$ZodIssue } {
  if (typeof event !== 'object' || event === null || !('data_base64' in event)) {
    return { event };
  }
  const { data_base64: text, ...rest } = event;
  const fault = (message: string) => {
    const issue: z.core.$ZodIssue = { code: 'custom', path: ['data_base64'], message, input: text };
    return { event: rest, issue };
  };
  if ('data' in rest) {
    return fault('stands beside data: give one of the two');
  }
  if (typeof text !== 'string' || !z.base64().safeParse(text).success) {
    return fault('must be base64');
  }
  try {
    const json = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'base64'));
    return { event: { ...rest, data: parseStrictJson(json) } };
  } catch (error) {
    return fault(
      `must hold the params as JSON in UTF-8: ${error instanceof Problem ? error.detail : 'it is not UTF-8'}`,
    );
  }
}

/** An attribute that is null is not set; data may be null. */
function withoutUnset(event: unknown): unknown {
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    return event; // not an event: the schema says so
  }
  return Object.fromEntries(Object.entries(event).filter(([name, value]) => value !== null || name === 'data'));
}

/** The update that an event asks for. */
export interface EventUpdate {
  readonly operation: string;
  readonly params: unknown;
  readonly idempotencyKey: string;
}

export function updateOfEvent({ type, source, id, data }: CloudEvent): EventUpdate {
  return { operation: type.slice(TYPE_PREFIX.length), params: data, idempotencyKey: eventKey(source, id) };
}

/**
 * The idempotency key of an event: the same for two events only if both source and id are the same, since the
 * length says where one ends. Long ones are hashed.
 */
function eventKey(source: string, id: string): string {
  const key = `cloudevent:${source.length}:${source}${id}`;
  return Buffer.byteLength(key) <= MAX_KEY_BYTES
    ? key
    : `cloudevent:sha256:${createHash('sha256').update(key).digest('base64url')}`;
}
