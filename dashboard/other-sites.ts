import type { RequestHandler } from 'express';
import type { IncomingHttpHeaders } from 'node:http';

const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses changes that another site makes a visitor's browser ask for. Browsers say where a request comes from,
 * in `Sec-Fetch-Site`; over plain HTTP to another host than localhost they leave that out, but send `Origin`.
 * A request with neither does not come from a browser.
 */
export const refuseOtherSites: RequestHandler = (request, response, next) => {
  if (READS.has(request.method) || isOwnSite(request.headers)) {
    next();
    return;
  }
  response.status(403).json({
    error: 'OTHER_SITE',
    message: 'this request comes from another site; open the dashboard itself and do it there',
  });
};

function isOwnSite({ 'sec-fetch-site': site, origin, host }: IncomingHttpHeaders): boolean {
  if (site !== undefined) {
    return site === 'same-origin' || site === 'none';
  }
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
}
