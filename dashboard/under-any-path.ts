import type { RequestHandler } from 'express';
import { basePathOf } from '../src/web/base-path.js';

/** A path of the dashboard where it stands as a link, an address of a form, or a text of a script. */
const OWN_PATH = /(["'(=])\/ops(?=[/"'?#&)\s>])/g;

/**
 * Puts the base path before the paths in pages and scripts, which all begin with `/ops`. Done here, once, as a proxy in front would
 * do it, so that no page has to think of it; headers are `src/web/base-path.ts`'s.
 */
export const underAnyPath: RequestHandler = (request, response, next) => {
  const base = basePathOf(request);
  if (base !== '') {
    const send = response.send.bind(response);
    response.send = (body: unknown) => {
      const isPage =
        typeof body === 'string' && /html|javascript|^undefined$/.test(String(response.get('Content-Type')));
      return send(isPage ? body.replace(OWN_PATH, `$1${base}/ops`) : body);
    };
  }
  next();
};
