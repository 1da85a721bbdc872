import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { pathText } from '../../operations/update.js';
import { mediaTypeOf } from './json-body.js';
import { problemAt, problemOfErrors } from './problems.js';
import type { ProblemError } from './problems.js';

/** The type of an event is this and the operation's name. */
const TYPE_PREFIX = 'tally.';

/** The longest idempotency key, in bytes. */
const MAX_KEY_BYTES = 255;

const ATTRIBUTE_NAME = /^[a-z0-9]+$/;

function attribute() {
  return z
    .string({ error: (issue) => (issue.input === undefined ? 'is missing' : 'must be a string') })
    .min(1, 'must not be empty')
    .refine((text) => text.isWellFormed(), 'must be valid Unicode, without lone surrogates');
}

/** A CloudEvent 1.0 in JSON; see https://github.com/cloudevents/spec. */
export const eventSchema = z
  .looseObject(
    {
      specversion: z.literal('1.0', { error: 'must be "1.0"' }),
      id: attribute().meta({ description: 'With `source`, the idempotency key.' }),
      source: attribute(),
      type: attribute()
        .refine((type) => type.startsWith(TYPE_PREFIX), {
          error: 'is not a type of Tally: "tally." and the name of an operation, e.g. "tally.counter.increment"',
          params: { code: 'UNKNOWN_OPERATION' },
        })
        .meta({ description: '`tally.` and the name of an operation: `tally.counter.increment`.' }),
      datacontenttype: attribute()
        .refine(isJson, 'must be application/json')
        .optional()
        .meta({ description: '`application/json`, which is also the default.' }),
      data: z
        .custom<unknown>((data) => data !== undefined, { error: 'is missing: it holds the params of the operation' })
        .meta({ description: 'The params of the operation.' }),
    },
    { error: 'an event is an object { specversion, id, source, type, data }' },
  )
  .superRefine((event, context) => {
    for (const name of Object.keys(event).filter((it) => it === 'data_base64' || !ATTRIBUTE_NAME.test(it))) {
      const message =
        name === 'data_base64' ? 'give the params as JSON, in data' : 'attributes are named with a-z and 0-9';
      context.addIssue({ code: 'custom', path: [name], message });
    }
  });

type CloudEvent = z.output<typeof eventSchema>;

/** Whether a media type is JSON, as `application/json` and all ending in `+json` are. */
function isJson(contentType: string): boolean {
  return /^application\/(.*\+)?json$/.test(mediaTypeOf(contentType));
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
    const parsed = eventSchema.safeParse(event);
    for (const issue of parsed.error?.issues ?? []) {
      const path = [places(index), pathText(issue.path)].filter((part) => part !== '').join('.');
      errors.push({ path, code: codeOf(issue), message: issue.message });
    }
    return parsed.success ? [parsed.data] : [];
  });
  if (errors.length > 0) {
    const [first] = errors as [EventError, ...EventError[]];
    throw problemOfErrors(first.code, errors as [EventError, ...EventError[]], { accepted: 'none' });
  }
  return checked;
}

/** The event of a request in binary mode: its attributes are headers, percent-encoded, and its data the body. */
export function eventOfHeaders(headers: IncomingHttpHeaders, data: unknown): Record<string, unknown> {
  const attributes = Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith('ce-') ? [[name.slice('ce-'.length), decode(name, String(value))]] : [],
  );
  return { ...(Object.fromEntries(attributes) as object), datacontenttype: headers['content-type'], data };
}

function decode(header: string, value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    throw problemAt('INVALID_HEADER', header, 'is not percent-encoded UTF-8: write % itself as %25');
  }
}

/** The update that an event asks for. */
export function updateOfEvent({ type, source, id, data }: CloudEvent) {
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
