import type { RequestHandler, Response } from 'express';
import { HttpError } from '../errors.js';
import { SIGN_IN_PATH } from './paths.js';
import { signedInOf } from './signed-in.js';

const READS = new Set(['GET', 'HEAD']);

/**
 * Lets through who may do what is asked. It looks at the method and at nothing else, so there is no path by which a
 * change could get past it.
 */
export const requireRole: RequestHandler = (request, response, next) => {
  const user = signedInOf(response);
  const isRead = READS.has(request.method);
  if (user === undefined && isRead && request.accepts(['json', 'html']) === 'html') {
    response.redirect(303, `${SIGN_IN_PATH}?${new URLSearchParams({ to: request.originalUrl }).toString()}`);
    return;
  }
  if (user === undefined) {
    throw new HttpError(401, 'SIGN_IN_NEEDED', `sign in first, at ${SIGN_IN_PATH}`);
  }
  if (!isRead) {
    requireOperator(response);
  }
  next();
};

/** Refuses a viewer, also on a page whose form a viewer could not send. @throws HttpError */
export function requireOperator(response: Response): void {
  const user = signedInOf(response);
  if (user?.role !== 'operator') {
    throw new HttpError(403, 'VIEWER', `${user?.name} is a viewer, and only an operator may change anything`);
  }
}
