import type { ErrorRequestHandler, Request, Response } from 'express';
import type { Logger } from 'pino';
import { signedInOf } from './access/signed-in.js';
import { html } from '../src/web/html.js';
import { MasterUnreachableError } from './master-unreachable.js';
import { sendPage } from './page.js';
import { publicErrorOf } from './public-error.js';
import type { PublicError } from './public-error.js';

/** A request that is refused, with words for whoever sent it. */
export class HttpError extends Error {
  constructor(
    readonly status: 401 | 403 | 421,
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'Refusal';
  }
}

/** Answers what went wrong: the fault of the request in words, our own only by its place in the log. */
export function answerErrors(logger: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    if (error instanceof MasterUnreachableError) {
      answerMasterUnreachable(error, request, response);
      return;
    }
    const { status = 500, message = '' } = error as { status?: number; message?: string };
    if (status < 500) {
      response.status(status).json({ error: error instanceof HttpError ? error.code : 'BAD_REQUEST', message });
      return;
    }
    const answer = publicErrorOf(error);
    logPublicError(logger, answer, error, request);
    answerPublicError(answer, request, response);
  };
}

/** What is no fault of whoever asked stands in the log, with its cause. */
export function logPublicError(logger: Logger, answer: PublicError, error: unknown, request?: Request): void {
  const { error: code, redisCode } = answer;
  const where = { method: request?.method, path: request?.path };
  logger[answer.status === 503 ? 'warn' : 'error'](
    { err: error, code, ...(redisCode && { redisCode }), ...where },
    'the dashboard could not answer',
  );
}

function answerPublicError({ status, ...answer }: PublicError, request: Request, response: Response): void {
  response.status(status);
  if (status === 503) {
    response.set('Retry-After', '5');
    if (request.accepts(['json', 'html']) === 'html') {
      const title = answer.error === 'REDIS_REFUSED' ? 'Redis refuses' : 'Redis does not answer';
      const content = html`<p class="card error">${answer.message}.</p>`;
      sendPage(response, { title, user: signedInOf(response), content });
      return;
    }
  }
  response.json(answer);
}

/** A browser gets a page, the board and programs what they can read. */
function answerMasterUnreachable(
  { status, message }: MasterUnreachableError,
  request: Request,
  response: Response,
): void {
  response.status(status).set('Retry-After', '5');
  if (request.accepts(['json', 'html']) === 'html') {
    const content = html`<p class="card error">${message}.</p>
      <p class="muted">
        What lies on other masters works. This does so again by itself, once that one is back or a replica has taken its
        place.
      </p>`;
    sendPage(response, { title: 'A Redis master is unreachable', user: signedInOf(response), content });
  } else {
    response.json({ error: 'MASTER_AWAY', message });
  }
}
