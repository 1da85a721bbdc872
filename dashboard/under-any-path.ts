import type { RequestHandler } from 'express';
import { basePathOf } from '../src/web/base-path.js';

/**
 * A path of the dashboard where a page leads to it, or has it in the settings of the board. Nowhere else: a key of somebody's may be
 * called `/ops` too.
 */
const IN_PAGE = /((?:href|src|action|data-live)=|":)"\/ops(?=[/"?#])/g;

/** The same in what the board reads of a job, see `board/readable-queue.ts`: what else stands there is somebody's data. */
const IN_JSON = /("externalUrl":\{"displayText":"Keys","href":")\/ops(?=\/)/g;

/** The same as a text of a script. */
const IN_SCRIPT = /(["'`])\/ops(?=[/"'`?#])/g;

/**
 * Puts the base path before the paths in pages and scripts, which all begin with `/ops`. Done here, once, as a proxy in front would
 * do it, so that no page has to think of it; headers are `src/web/base-path.ts`'s.
 */
export const underAnyPath: RequestHandler = (request, response, next) => {
  const base = basePathOf(request);
  if (base !== '') {
    const send = response.send.bind(response);
    response.send = (body: unknown) => {
      const type = response.get('Content-Type') ?? 'text/html'; // what Express takes a text for
      return send(typeof body === 'string' ? placed(body, type, base) : body);
    };
  }
  next();
};

function placed(text: string, type: string, base: string): string {
  if (type.includes('javascript')) {
    return text.replace(IN_SCRIPT, `$1${base}/ops`);
  }
  if (type.includes('json')) {
    return text.replace(IN_JSON, `$1${base}/ops`);
  }
  return type.includes('html') ? text.replace(IN_PAGE, `$1"${base}/ops`) : text;
}
