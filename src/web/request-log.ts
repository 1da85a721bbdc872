import type { IncomingMessage } from 'node:http';
import type { Request, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import { pinoHttp } from 'pino-http';
import { v4 } from 'uuid';
import type { Submission } from '../producers/submission.js';
import type { Trace } from '../producers/trace.js';

/** A caller's own request id is taken over when it has this form. */
const REQUEST_ID = /^[\w.:=+/-]{1,128}$/;

/** Version, trace id, parent id and flags, see https://www.w3.org/TR/trace-context/. Ids of zeros are not valid. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Probes and scrapes come every few seconds and say nothing new. */
const NOT_LOGGED = new Set(['/healthz', '/readyz', '/metrics']);

/**
 * What must not stand in a line of a request: of an error only, since of request and response no more is told than what the
 * serializers below name. The paths of the logger, with wildcards, cost each request a tenth of its processor time.
 */
const SECRETS = ['err.password', 'err.command.args', 'err.authorization', 'err.headers', 'err.cookie'];

/** A browser's is shorter; anybody may send any. */
const MAX_AGENT_LENGTH = 200;

/** Characters that do things to a terminal. */
const CONTROL = /\p{Cc}/gu;

/** Who was turned away is told of in any case. */
const TOLD_ALWAYS: ReadonlySet<number> = new Set([401, 403]);

/**
 * Gives each request an id and logs a line when it is answered.
 *
 * @param share of the lines that tell nothing but that a request was answered, 0 to 1. What failed, and who was turned away, is
 * logged in any case. @defaultValue 1, all
 */
export function logRequests(logger: Logger, share = 1): RequestHandler {
  return pinoHttp({
    logger,
    redact: SECRETS,
    genReqId: (request, response) => {
      const id = givenId(request) ?? v4();
      response.setHeader('X-Request-Id', id);
      return id;
    },
    autoLogging: { ignore: ({ url }) => NOT_LOGGED.has(url) },
    customLogLevel: (_request, { statusCode, err }, error) => {
      const level = levelOf(statusCode, error ?? err);
      const isLeftOut = level === 'info' && !TOLD_ALWAYS.has(statusCode) && share < 1 && Math.random() >= share;
      return isLeftOut ? 'silent' : level;
    },
    // Not customProps: they make two more loggers for each request.
    customSuccessObject: (_request, response: Response, line: object) => ({ ...line, ...notesOf(response) }),
    customErrorObject: (_request, response: Response, _error, line: object) => ({ ...line, ...notesOf(response) }),
    serializers: {
      req: ({ id, method, url, raw }: { id: string; method: string; url: string; raw: Request }) => ({
        id,
        method,
        url: withoutToken(url),
        address: raw.ip ?? raw.socket.remoteAddress,
        agent: raw.headers['user-agent']?.slice(0, MAX_AGENT_LENGTH).replace(CONTROL, '?'),
      }),
      res: ({ statusCode }: { statusCode: number }) => ({ statusCode }),
    },
  });
}

/** Whoever reads the log could use it before the page does that it was made for. */
function withoutToken(url: string): string {
  return url.replace(/([?&]token=)[^&]*/g, '$1***');
}

/** What Redis refuses, or does not answer, is no fault of this process; a fault of ours is. */
function levelOf(statusCode: number, error: Error | undefined): 'error' | 'warn' | 'info' {
  if (statusCode === 500 || (error !== undefined && statusCode < 500)) {
    return 'error';
  }
  return error === undefined ? 'info' : 'warn';
}

/** Has the jobs that carry a request's updates logged with it. */
export function noteJobs(response: Response, submissions: readonly Submission[]): void {
  response.locals['jobs'] = [...new Set(submissions.map(({ jobId }) => jobId))];
}

/** Has the API key that a request came with logged with it, by its id. */
export function noteApiKey(response: Response, id: string): void {
  response.locals['keyId'] = id;
}

/** The one that was noted; undefined when the request came with none. */
export function apiKeyIdOf({ locals }: Response): string | undefined {
  return locals['keyId'] as string | undefined;
}

/** Notes made while a request was handled. */
function notesOf({ locals }: Response) {
  const { keyId: apiKey, jobs, code, redisCode } = locals as Record<string, unknown>;
  return { apiKey, jobs, code, ...(redisCode !== undefined && { redisCode }) };
}

/** What the jobs of a request's updates carry, so that they can be traced to it. */
export function traceOf(request: Request): Trace {
  const { traceparent } = request.headers;
  const isTraced = typeof traceparent === 'string' && TRACEPARENT.test(traceparent);
  return { requestId: requestIdOf(request), ...(isTraced && { traceparent }) };
}

/** The id that this request has here. */
export function requestIdOf({ id }: IncomingMessage): string {
  return typeof id === 'string' ? id : '';
}

function givenId({ headers }: IncomingMessage): string | undefined {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : undefined;
}
