import type { RequestHandler } from 'express';
import { isLoopbackHost } from '../src/producers/http/access/loopback.js';
import { isAskedByOtherSite } from '../src/producers/http/other-sites.js';

/**
 * Refuses what a page of another site makes a visitor's browser ask for: changes, and everything when the page's own
 * name was made to lead here.
 */
export const refuseOtherSites: RequestHandler = (request, response, next) => {
  if (!isLoopbackHost(request.headers.host)) {
    response.status(421).json({
      error: 'OTHER_HOST',
      message: 'the dashboard answers only to localhost, 127.0.0.1 and [::1]: use one of them in the URL',
    });
  } else if (isAskedByOtherSite(request)) {
    response.status(403).json({
      error: 'OTHER_SITE',
      message: 'this request comes from another site; open the dashboard itself and do it there',
    });
  } else {
    next();
  }
};
