import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import express, { Router } from 'express';
import { CHART_SCRIPT } from './chart-script.js';
import { ASSETS_PATH } from './paths.js';

const require = createRequire(import.meta.url);

/** Its folder only: it is made for browsers. */
const UPLOT = join(dirname(require.resolve('uplot/package.json')), 'dist');

/** What a page with a chart loads, in this order. */
export const CHART_ASSETS = {
  styles: [`${ASSETS_PATH}/uPlot.min.css`],
  scripts: [`${ASSETS_PATH}/uPlot.iife.min.js`, `${ASSETS_PATH}/chart.js`],
} as const;

/** Serves uPlot and the script that uses it. */
export function assets(): Router {
  const router = Router({ caseSensitive: true });
  router.get(`${ASSETS_PATH}/chart.js`, (_request, response) => {
    response.type('text/javascript').send(CHART_SCRIPT);
  });
  router.use(ASSETS_PATH, express.static(UPLOT, { index: false, cacheControl: false }));
  return router;
}
