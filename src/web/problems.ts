import type { Accepted } from '../errors.js';

/** Every problem that the API answers with, by its stable code. */
export const PROBLEMS = {
  BAD_REQUEST: { status: 400, title: 'The request can not be read' },
  INVALID_JSON: { status: 400, title: 'The body is not the JSON that it should be' },
  IDEMPOTENCY_KEY_REQUIRED: { status: 400, title: 'An update has no idempotency key' },
  UNAUTHORIZED: { status: 401, title: 'A valid API key is needed' },
  FORBIDDEN: { status: 403, title: 'The API key does not allow this' },
  OTHER_SITE: { status: 403, title: 'The request comes from another site' },
  NOT_FOUND: { status: 404, title: 'There is nothing at this path' },
  UPDATE_NOT_FOUND: { status: 404, title: 'There is no such update' },
  SCHEDULE_NOT_FOUND: { status: 404, title: 'There is no such schedule' },
  OUTCOME_FORGOTTEN: { status: 404, title: 'The outcome is kept no more' },
  WEBHOOK_NOT_FOUND: { status: 404, title: 'There is no such webhook' },
  CELL_NOT_FOUND: { status: 404, title: 'There is no such cell' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'This path does not take this method' },
  REQUEST_TIMEOUT: { status: 408, title: 'The request did not arrive in time' },
  WRONG_TYPE: { status: 409, title: 'The key holds another type of value' },
  COUNT_DIFFERS: { status: 409, title: 'There is another number of updates' },
  NOT_CANCELLABLE: { status: 409, title: 'The update can not be cancelled' },
  WEBHOOK_DISABLED: { status: 409, title: 'The webhook is disabled' },
  NOT_REVERTIBLE: { status: 409, title: 'The update can not be reverted' },
  NOT_AN_INTEGER: { status: 409, title: 'The cell does not hold an integer' },
  OUT_OF_RANGE: { status: 409, title: 'The sum leaves the range of integers' },
  BODY_TOO_LARGE: { status: 413, title: 'The body is too large' },
  TOO_MANY_UPDATES: { status: 413, title: 'There are too many updates in one request' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'The content type is not one that this path takes' },
  OTHER_HOST: { status: 421, title: 'This server does not answer under this name' },
  INVALID_UPDATE: { status: 422, title: 'An update is not valid' },
  INVALID_PARAMS: { status: 422, title: 'The params of an update are not valid' },
  UNKNOWN_OPERATION: { status: 422, title: 'There is no such operation' },
  RESERVED_KEY: { status: 422, title: 'The key belongs to Tally or BullMQ' },
  IDEMPOTENCY_CONFLICT: { status: 422, title: 'The idempotency key belongs to another update' },
  DELAY_PAST_WINDOW: { status: 422, title: 'The idempotency key would be forgotten before the update runs' },
  CROSS_SLOT: { status: 422, title: 'The keys of one update lie in several slots of the Cluster' },
  INVALID_SCHEDULE: { status: 422, title: 'A schedule is not valid' },
  INVALID_EVENT: { status: 422, title: 'An event is not a valid CloudEvent' },
  INVALID_HEADER: { status: 422, title: 'A header is not valid' },
  INVALID_CURSOR: { status: 422, title: 'The cursor is none of this stream' },
  INVALID_WEBHOOK: { status: 422, title: 'A webhook is not valid' },
  FORBIDDEN_TARGET: { status: 422, title: 'A webhook may not lead there' },
  HANDSHAKE_FAILED: { status: 422, title: 'The target does not allow it' },
  INVALID_QUERY: { status: 422, title: 'The query is not valid' },
  BACKPRESSURE: { status: 429, title: 'Too many updates wait', retryAfterSeconds: 1 },
  RATE_LIMITED: {
    status: 429,
    title:
      'The API key has made too many requests, submitted too much, follows too often, or has too many targets asked',
  },
  HEADERS_TOO_LARGE: { status: 431, title: 'The headers are too large' },
  UNEXPECTED: { status: 500, title: 'Something went wrong in Tally' },
  OUTCOMES_OFF: { status: 501, title: 'Outcomes are not told here' },
  WEBHOOKS_OFF: { status: 501, title: 'There are no webhooks here' },
  QUEUE_UNAVAILABLE: { status: 503, title: 'Redis does not answer', retryAfterSeconds: 5 },
  REDIS_REFUSED: { status: 503, title: 'Redis refuses', retryAfterSeconds: 5 },
  NOT_READY: { status: 503, title: 'Tally can not take updates', retryAfterSeconds: 5 },
  TOO_MANY_FOLLOWERS: { status: 503, title: 'Too many clients follow outcomes here', retryAfterSeconds: 10 },
  STOPPING: { status: 503, title: 'This server is stopping', retryAfterSeconds: 1 },
} satisfies Record<string, { status: number; title: string; retryAfterSeconds?: number }>;

export type ProblemCode = keyof typeof PROBLEMS;

/** One thing that is wrong, and where: e.g. `[3].params.by` in the body, or the name of a header. */
export interface ProblemError {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

interface ProblemOptions extends ErrorOptions {
  readonly errors?: readonly ProblemError[];
  /** How much of a failed request was accepted. */
  readonly accepted?: Accepted | undefined;
  /** Redis' own code, where it refused. */
  readonly redisCode?: string | undefined;
  /** What became of the update that the request was about. */
  readonly outcome?: object | undefined;
  /** Further headers of the answer. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** No answer names more errors than this, however many updates were wrong. */
const MAX_ERRORS = 100;

/** A longer text, in characters, repeats what the client sent: up to 1 MiB of it. */
const MAX_TEXT = 1_000;

/** An error that the client is told of, in the form of RFC 9457. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  /** Redis' own code, where it refused. */
  readonly redisCode: string | undefined;

  constructor(
    readonly code: ProblemCode,
    /** What is wrong with this request, and how to mend it. */
    readonly detail: string,
    private readonly options: ProblemOptions = {},
  ) {
    super(detail, options);
    const { status, retryAfterSeconds }: { status: number; retryAfterSeconds?: number } = PROBLEMS[code];
    this.status = status;
    this.redisCode = options.redisCode;
    this.headers = {
      ...(retryAfterSeconds !== undefined && { 'Retry-After': String(retryAfterSeconds) }),
      ...options.headers,
    };
  }

  /** The body of the answer. */
  toBody(requestId: string) {
    const { code, redisCode, status, detail } = this;
    const { errors, accepted, outcome } = this.options;
    return {
      type: `urn:tally:problem:${code}`,
      title: PROBLEMS[code].title,
      status,
      code,
      ...(redisCode && { redisCode }),
      detail: shortened(detail),
      requestId,
      ...(accepted && { accepted }),
      ...(outcome && { outcome }),
      ...(errors && { errors: errors.slice(0, MAX_ERRORS).map(shortenedError) }),
    };
  }
}

function shortened(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}…`;
}

function shortenedError({ path, code, message }: ProblemError): ProblemError {
  return { path: shortened(path), code, message: shortened(message) };
}

/** A problem with parts of the request: the first stands in the detail, all in `errors`. */
export function problemOfErrors(
  code: ProblemCode,
  errors: readonly [ProblemError, ...ProblemError[]],
  options: Omit<ProblemOptions, 'errors'> = {},
): Problem {
  const [{ path, message }] = errors;
  const where = path === '' ? 'the body' : path;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  const nothing = options.accepted === 'none' ? '; nothing was accepted' : '';
  return new Problem(code, `${where}: ${message}${more}${nothing}`, { ...options, errors });
}

/** A problem with one part of the request. */
export function problemAt(code: ProblemCode, path: string, message: string, errorCode: string = code): Problem {
  return problemOfErrors(code, [{ path, code: errorCode, message }]);
}
