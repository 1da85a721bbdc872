import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Html } from '../../../src/web/html.js';

const require = createRequire(import.meta.url);

/** The chart library as it stands in node_modules: the report has it inside, so that it asks nobody for it. */
export function uplotStylesheet(): Html {
  return Html.inlined('style', fileOf('uplot/dist/uPlot.min.css'));
}

export function uplotScript(): Html {
  return Html.inlined('script', fileOf('uplot/dist/uPlot.iife.min.js'));
}

function fileOf(path: string): string {
  return readFileSync(require.resolve(path), 'utf8');
}
