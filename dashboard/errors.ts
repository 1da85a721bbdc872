import type { ErrorRequestHandler } from 'express';
import type { Logger } from 'pino';

/** A request that is refused, with words for whoever sent it. */
export class Refusal extends Error {
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
    const { status = 500, message = '' } = error as { status?: number; message?: string };
    if (status < 500) {
      response.status(status).json({ error: error instanceof Refusal ? error.code : 'BAD_REQUEST', message });
      return;
    }
    logger.error({ err: error, method: request.method, path: request.path }, 'the dashboard could not answer');
    response.status(500).json({ error: 'UNEXPECTED', message: 'something went wrong; the log of Tally says what' });
  };
}
