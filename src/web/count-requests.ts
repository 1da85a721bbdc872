import type { RequestHandler, Response } from 'express';
import type { HttpMetrics } from '../metrics/http-metrics.js';

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** What none of the paths fits, and a method that HTTP does not know: anybody may send any. */
const OTHER = 'other';

/**
 * Counts requests of the API, and of the dashboard, by the path that they fit, also those that are refused before any endpoint sees them.
 *
 * @param paths as in OpenAPI: `/v1/updates/{id}`; one that ends in `/` stands for all below it
 */
export function countRequests(metrics: HttpMetrics, paths: readonly string[]): RequestHandler {
  const routeOf = routeFinder(paths);
  return (request, response, next) => {
    const startedAtMs = performance.now();
    const { path } = request; // within the app: it may be mounted anywhere
    const method = METHODS.has(request.method) ? request.method : OTHER;
    response.once('close', () => {
      const status = response.writableFinished ? String(response.statusCode) : 'aborted';
      const seconds = isStream(response) ? undefined : (performance.now() - startedAtMs) / 1000;
      metrics.answered({ method, route: routeOf(path), status }, seconds);
    });
    next();
  };
}

function isStream(response: Response): boolean {
  return String(response.getHeader('Content-Type')).startsWith('text/event-stream');
}

function routeFinder(paths: readonly string[]): (path: string) => string {
  const exact = new Set(paths.filter((path) => !/[{]|\/$/.test(path)));
  const patterns = paths
    .filter((path) => !exact.has(path))
    .map(
      (path) => [path, new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}${path.endsWith('/') ? '' : '$'}`)] as const,
    );
  return (path) => (exact.has(path) ? path : (patterns.find(([, pattern]) => pattern.test(path))?.[0] ?? OTHER));
}
