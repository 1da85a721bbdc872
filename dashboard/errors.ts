import type { ErrorRequestHandler } from 'express';
import type { Logger } from 'pino';

/** Answers what went wrong: the fault of the request in words, our own only by its place in the log. */
export function answerErrors(logger: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const { status = 500, message = '' } = error as { status?: number; message?: string };
    if (status < 500) {
      response.status(status).json({ error: 'BAD_REQUEST', message });
      return;
    }
    logger.error({ err: error, method: request.method, path: request.path }, 'the dashboard could not answer');
    response.status(500).json({ error: 'UNEXPECTED', message: 'something went wrong; the log of Tally says what' });
  };
}
