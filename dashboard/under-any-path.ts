import type { RequestHandler, Response } from 'express';

/** A path of the dashboard where it stands as a link, an address of a form, or a text of a script. */
const OWN_PATH = /(["'(=])\/ops(?=[/"'?#&)\s>])/g;

/** What a path may consist of so that it can stand in a page as it is. */
const PLAIN_PATH = /^[\w./~%-]+$/;

/**
 * Lets the dashboard stand under any path of somebody's app: `app.use('/tools/tally', dashboard.app)`. Inside all paths begin with
 * `/ops`; what leaves has the path before it. Done here, once, as a proxy in front would do it, so that no page has to think of it.
 */
export const underAnyPath: RequestHandler = (request, response, next) => {
  const { baseUrl: base, originalUrl } = request;
  if (PLAIN_PATH.test(base)) {
    // The cookie of a session, and where to go after signing in, are decided by it. Logs of the app around get it as it was.
    request.originalUrl = request.url;
    response.once('prefinish', () => {
      request.originalUrl = originalUrl;
    });
    placeBody(response, base);
    placeHeaders(response, base);
  }
  next();
};

function placeBody(response: Response, base: string): void {
  const send = response.send.bind(response);
  response.send = (body: unknown) => {
    const isPage = typeof body === 'string' && /html|javascript|^undefined$/.test(String(response.get('Content-Type')));
    return send(isPage ? body.replace(OWN_PATH, `$1${base}/ops`) : body);
  };
}

function placeHeaders(response: Response, base: string): void {
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => Response;
  response.writeHead = ((...args: unknown[]) => {
    const location = response.getHeader('Location');
    if (typeof location === 'string' && location.startsWith('/ops')) {
      response.setHeader('Location', base + location);
    }
    const cookies = response.getHeader('Set-Cookie');
    if (cookies !== undefined) {
      const all = [cookies].flat().map(String);
      response.setHeader(
        'Set-Cookie',
        all.map((cookie) => cookie.replace('; Path=/ops', `; Path=${base}/ops`)),
      );
    }
    return writeHead(...args);
  }) as Response['writeHead'];
}
