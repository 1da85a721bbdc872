import type { RequestHandler } from 'express';

/**
 * Everything comes from here: nobody outside learns that the dashboard is open, and it works without the
 * internet. The board's page links fonts of Google; this is what keeps the browser from asking for them. Styles
 * are set by its scripts, hence 'unsafe-inline' for them.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** Scripts and styles of the board are the same for everyone; all else is kept by no browser past a sign-out. */
const STATIC_FILES = '/ops/queues/static/';

/** Headers for every answer of the dashboard. */
export const securityHeaders: RequestHandler = ({ path }, response, next) => {
  response.set({
    'Content-Security-Policy': CONTENT_SECURITY_POLICY,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'same-origin',
  });
  if (!path.startsWith(STATIC_FILES)) {
    response.set('Cache-Control', 'no-store');
  }
  next();
};
