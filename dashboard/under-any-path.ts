import type { RequestHandler, Response } from 'express';

/**
 * A path of the dashboard where a page leads to it, or has it in the settings of the board. Nowhere else: a key of somebody's may be
 * called `/ops` too.
 */
const IN_PAGE = /((?:href|src|action|data-live)=|":)"\/ops(?=[/"?#])/g;

/** The same as a text of a script. */
const IN_SCRIPT = /(["'`])\/ops(?=[/"'`?#])/g;

/** What a path may consist of so that it can stand in a page as it is, and leads nowhere else. */
const PLAIN_PATH = /^(?:\/[\w.~%-]+)+$/;

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
    const type = response.get('Content-Type') ?? 'text/html'; // what Express takes a text for
    return send(typeof body === 'string' ? placed(body, type, base) : body);
  };
}

function placed(text: string, type: string, base: string): string {
  if (type.includes('javascript')) {
    return text.replace(IN_SCRIPT, `$1${base}/ops`);
  }
  return type.includes('html') ? text.replace(IN_PAGE, `$1"${base}/ops`) : text;
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
