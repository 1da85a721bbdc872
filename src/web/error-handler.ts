import type { ErrorRequestHandler, Response } from 'express';
import { BackpressureError, QueueUnavailableError, RedisRefusedError, TallyError, ValidationError } from '../errors.js';
import type { Accepted, ValidationIssue } from '../errors.js';
import { isRefusalCode, REFUSALS } from '../redis/refusal.js';
import { Problem, problemOfErrors } from './problems.js';
import type { ProblemCode } from './problems.js';
import { requestIdOf } from './request-log.js';

/**
 * Answers every error as a problem; our own faults only by the request's id in the log.
 *
 * @param note told of each before it is answered. @defaultValue nobody is
 */
export function errorHandler(note?: (problem: Problem, response: Response) => void): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const problem = problemOf(error, request.method);
    note?.(problem, response);
    if (LOGGED.has(problem.code)) {
      response.err = error as Error; // logged with the request
    }
    response.locals['code'] = problem.code;
    response.locals['redisCode'] = problem.redisCode;
    response.status(problem.status).set(problem.headers).type('application/problem+json');
    response.json(problem.toBody(requestIdOf(request)));
  };
}

/** Their cause stands in the log: the answer does not tell who Redis is, nor what it said. */
const LOGGED: ReadonlySet<ProblemCode> = new Set(['UNEXPECTED', 'QUEUE_UNAVAILABLE', 'REDIS_REFUSED']);

const UNAVAILABLE: Readonly<Record<Accepted, string>> = {
  none: 'Redis did not answer in time; nothing was accepted, so send the request again later',
  some:
    'Redis stopped answering when it had taken some of the updates: send all of them again with the same idempotency ' +
    'keys, and each takes effect once',
  unknown:
    'Redis did not answer in time; it is not known whether the updates were accepted: send them again with the same ' +
    'idempotency keys, and each takes effect once',
};

const REFUSED: Readonly<Record<Accepted, string>> = {
  none: 'nothing was accepted, so send the request again later',
  some:
    'some of the updates were accepted before: send all of them again with the same idempotency keys, and each takes ' +
    'effect once',
  unknown:
    'it is not known whether the updates were accepted: send them again with the same idempotency keys, and each takes ' +
    'effect once',
};

const REPEAT = 'it is not known whether the request took effect: send it again, which is safe';

/** What may be sent again though it had taken effect. */
function isRepeatable(method: string): boolean {
  return method === 'DELETE' || method === 'PUT';
}

/** What a client is told of an error. */
function problemOf(error: unknown, method: string): Problem {
  if (error instanceof Problem) {
    return error;
  }
  if (error instanceof ValidationError) {
    return invalid(error.issues);
  }
  if (error instanceof BackpressureError) {
    return new Problem('BACKPRESSURE', error.message, { cause: error, accepted: 'none' });
  }
  if (error instanceof RedisRefusedError) {
    const { accepted, redisCode } = error;
    const why = isRefusalCode(redisCode) ? `: ${REFUSALS[redisCode]}` : '';
    const detail = `Redis refused (${redisCode})${why}; ${isRepeatable(method) ? REPEAT : REFUSED[accepted]}`;
    return new Problem('REDIS_REFUSED', detail, { cause: error, accepted, redisCode });
  }
  if (error instanceof QueueUnavailableError) {
    const { accepted } = error;
    const detail = isRepeatable(method) ? `Redis did not answer in time; ${REPEAT}` : UNAVAILABLE[accepted];
    return new Problem('QUEUE_UNAVAILABLE', detail, { cause: error, accepted });
  }
  if (error instanceof TallyError) {
    return ofTally(error, method);
  }
  return ofExpress(error as { status?: number; type?: string; message?: string }, method);
}

function invalid(issues: readonly [ValidationIssue, ...ValidationIssue[]]): Problem {
  return problemOfErrors(issues[0].code, issues, { accepted: 'none' });
}

function ofTally(error: TallyError, method: string): Problem {
  switch (error.code) {
    case 'WRONG_TYPE':
    case 'NOT_AN_INTEGER':
    case 'OUT_OF_RANGE':
    case 'UPDATE_NOT_FOUND':
      return new Problem(error.code, error.message);
    case 'CLOSED':
      return new Problem('STOPPING', 'this server is stopping and accepts nothing more: send it again', {
        accepted: 'none',
      });
    default:
      return unexpected(method);
  }
}

/** Errors of Express and its body parser by their `type`. */
const BODY_PROBLEMS: Readonly<Record<string, readonly [ProblemCode, (limit: number) => string]>> = {
  'entity.too.large': ['BODY_TOO_LARGE', (limit) => `the body is larger than ${limit} bytes: send several requests`],
  'encoding.unsupported': ['UNSUPPORTED_MEDIA_TYPE', () => 'the content encoding must be gzip, deflate, br or none'],
};

function ofExpress(
  {
    status = 500,
    type = '',
    message = '',
    limit = 0,
  }: { status?: number; type?: string; message?: string; limit?: number },
  method: string,
): Problem {
  const [code, detail] = BODY_PROBLEMS[type] ?? ['BAD_REQUEST' as const, () => message];
  return status < 500 ? new Problem(code, detail(limit)) : unexpected(method);
}

function unexpected(method: string): Problem {
  const accepted = method === 'POST' ? 'unknown' : undefined; // a fault of ours may come after the updates were sent
  return new Problem('UNEXPECTED', 'something went wrong; the log of Tally says what, under this request id', {
    accepted,
  });
}
