import type { RequestHandler } from 'express';
import { isAskedByOtherSite } from '../src/producers/http/other-sites.js';

/** Refuses changes that another site makes a visitor's browser ask for. */
export const refuseOtherSites: RequestHandler = (request, response, next) => {
  if (!isAskedByOtherSite(request)) {
    next();
    return;
  }
  response.status(403).json({
    error: 'OTHER_SITE',
    message: 'this request comes from another site; open the dashboard itself and do it there',
  });
};
