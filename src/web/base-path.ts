import type { IncomingMessage, ServerResponse } from 'node:http';
import proxyAddr from 'proxy-addr';
import { z } from 'zod';

/** Below which path of a site browsers and callers find the app. */
export interface BasePathOptions {
  /** Such as `/tools/tally`; empty for the root. @defaultValue the root */
  readonly basePath?: string | undefined;
  /** Proxies whose `X-Forwarded-Prefix` is taken in its place: addresses, or networks. @defaultValue none */
  readonly proxies?: readonly string[] | undefined;
}

/** What a base path looks like: nothing that ends an attribute, a header or the path. */
const BASE_PATH = /^(\/[\w.~-]+){0,10}$/;

const MAX_LENGTH = 200;

/** What a path may consist of so that it can stand in a page and a header as it is. */
const PLAIN_PATH = /^[\w./~%-]*$/;

export const basePathSchema = z
  .string()
  .max(MAX_LENGTH)
  .regex(BASE_PATH, 'must be a path without a slash at its end, as in /tools/tally');

/** Of each request that came in below one. */
const basePaths = new WeakMap<IncomingMessage, string>();

/** The base path that a request was made to; empty at the root. */
export function basePathOf(request: IncomingMessage): string {
  return basePaths.get(request) ?? '';
}

/** Where a path of the app lies for whoever made a request. */
export function pathFor(request: IncomingMessage, path: string): string {
  return basePathOf(request) + path;
}

/**
 * Lets an app lie below a path of a site and know nothing of it: takes the base that is set off the URL of a request, unless the
 * proxy has done so, and puts the base, or what the proxy names in its place, before the paths in `Location` and `Set-Cookie`. What
 * stands in pages is for {@link basePathOf}. An app that is mounted in another lies below that path, too.
 */
export function enterBasePath({ basePath = '', proxies = [] }: BasePathOptions) {
  const isProxy = proxyAddr.compile([...proxies]);
  return (
    request: IncomingMessage & { baseUrl?: string; originalUrl?: string | undefined },
    response: ServerResponse,
    next: () => void,
  ) => {
    if (basePaths.has(request)) {
      next();
      return;
    }
    const mountedAt = PLAIN_PATH.test(request.baseUrl ?? '') ? request.baseUrl : '';
    const forwarded = isProxy(request.socket.remoteAddress ?? '', 0) ? forwardedPrefix(request) : undefined;
    const base = `${forwarded ?? basePath}${mountedAt}`;
    basePaths.set(request, base);
    if (base !== '' || basePath !== '') {
      // Never what the header names: who names it has taken it off, or only passes on what a client sent, who could so write the
      // path of one page, past the rules of the proxy, as that of another.
      request.url = withoutBase(request.url ?? '', basePath);
      const { originalUrl } = request;
      request.originalUrl = request.url; // what is kept of it is compared with paths of the app
      response.once('prefinish', () => {
        request.originalUrl = originalUrl; // logs of an app around get it as it was
      });
      prefixHeaders(response, base);
    }
    next();
  };
}

function forwardedPrefix({ headersDistinct }: IncomingMessage): string | undefined {
  const [prefix, second] = headersDistinct['x-forwarded-prefix'] ?? [];
  const path = prefix?.replace(/\/$/, '');
  const isClear = path !== undefined && second === undefined && path.length <= MAX_LENGTH && BASE_PATH.test(path);
  return isClear ? path : undefined;
}

function withoutBase(url: string, base: string): string {
  const isBelow = url.startsWith(base) && ['', '/', '?'].includes(url.charAt(base.length));
  const rest = isBelow ? url.slice(base.length) : url;
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function prefixHeaders(response: ServerResponse, base: string): void {
  const setHeader = response.setHeader.bind(response);
  response.setHeader = (name, value) => setHeader(name, prefixed(name.toLowerCase(), value, base));
}

type HeaderValue = number | string | readonly string[];

function prefixed(name: string, value: HeaderValue, base: string): HeaderValue {
  if (name === 'location' && typeof value === 'string' && /^\/(?!\/)/.test(value)) {
    return base + value;
  }
  if (name === 'set-cookie') {
    const below = (cookie: string) => cookie.replace(/; Path=\//i, (path) => `${path.slice(0, -1)}${base}/`);
    return typeof value === 'object' ? value.map(below) : below(String(value));
  }
  return value;
}
