import type { RequestHandler } from 'express';
import { isCrossSite } from '../../src/web/cross-site.js';
import { HttpError } from '../errors.js';

/** Refuses changes, signing in among them, that a page of another site makes a visitor's browser ask for. */
export const refuseOtherSites: RequestHandler = (request, _response, next) => {
  if (isCrossSite(request)) {
    throw new HttpError(
      403,
      'OTHER_SITE',
      'this request comes from another site; open the dashboard itself and do it there',
    );
  }
  next();
};
