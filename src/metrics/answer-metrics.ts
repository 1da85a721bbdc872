import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Metrics } from './metrics.js';

/** Where metrics are served: where Prometheus looks for them by default. */
export const METRICS_PATH = '/metrics';

/** Answers requests, of Express or of Node, with all metrics. */
export function answerMetrics(metrics: Metrics): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (_request, response) => {
    const text = await metrics.text();
    response.setHeader('Content-Type', metrics.contentType);
    response.setHeader('Cache-Control', 'no-store');
    response.end(text);
  };
}

/** For a server that serves metrics and nothing else. */
export function metricsListener(metrics: Metrics): RequestListener {
  const answer = answerMetrics(metrics);
  return (request, response) => {
    const { method = '', url = '' } = request;
    if (!['GET', 'HEAD'].includes(method) || url.split('?')[0] !== METRICS_PATH) {
      response.writeHead(404, { 'Content-Type': 'text/plain' }).end(`here is only GET ${METRICS_PATH}\n`);
      return;
    }
    answer(request, response).catch(() => {
      response.writeHead(500).end();
    });
  };
}
