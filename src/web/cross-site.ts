import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Whether this is a change that another site makes a visitor's browser ask for. Browsers say where a request comes
 * from, in `Sec-Fetch-Site`; over plain HTTP to another host than localhost they leave that out, but send `Origin`.
 * A request with neither does not come from a browser.
 */
export function isCrossSite({ method = '', headers }: IncomingMessage): boolean {
  return !READS.has(method) && !isOwnSite(headers);
}

function isOwnSite({ 'sec-fetch-site': site, origin, host }: IncomingHttpHeaders): boolean {
  if (site !== undefined) {
    return site === 'same-origin' || site === 'none';
  }
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
}
