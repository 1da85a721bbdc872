import { readdir } from 'node:fs/promises';
import { runExamples } from './running.js';
import type { NamedRun } from './running.js';

/*
 * Runs all examples, or those named, against a Redis of their own:
 *
 *   npm run examples
 *   npm run examples -- 01-counter 08-transaction
 *
 * or against yours, a Cluster too, under names of their own which are removed at the end:
 *
 *   REDIS_URL=redis-cluster://127.0.0.1:7000 npm run examples
 */

/** The folder listing is the lesson order. */
async function chooseExamples(wanted: readonly string[]): Promise<readonly string[]> {
  const files = await readdir(import.meta.dirname);
  const all = files
    .filter((file) => /^\d\d-.*\.ts$/.test(file))
    .map((file) => file.replace(/\.ts$/, ''))
    .sort();
  const unknown = wanted.find((name) => !all.includes(name));
  if (unknown !== undefined) {
    throw new Error(`there is no example "${unknown}"; there are ${all.join(', ')}`);
  }
  return wanted.length === 0 ? all : wanted;
}

const examples: NamedRun[] = [];
for (const name of await chooseExamples(process.argv.slice(2))) {
  const { run } = (await import(`./${name}.js`)) as Pick<NamedRun, 'run'>;
  examples.push({ name, run });
}
await runExamples(examples);
