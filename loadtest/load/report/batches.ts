import type { BatchBucket } from '../result.js';
import { figureOf } from './chart.js';
import type { Chart } from './chart.js';
import { count } from './figures.js';
import { html } from '../../../src/web/html.js';
import type { Html } from '../../../src/web/html.js';
import { namedBySide } from './sides.js';
import type { Side } from './sides.js';
import { tableOf } from './table.js';

/** A size of jobs, as each side has it. */
interface Size {
  readonly name: string;
  readonly bySide: readonly (BatchBucket | undefined)[];
}

/** How many updates the jobs carried. */
export function batchesSection(sides: readonly Side[], chart: Chart): Html {
  const sizes = sizesOf(sides);
  return html`<section>
    <h2>Batches</h2>
    <div class="charts">
      ${
        sizes.length > 0 &&
        tableOf({
          title: 'Batch sizes',
          columns: [
            { title: 'Updates in a job', number: true },
            ...sides.flatMap((side) => [
              { title: namedBySide(sides, side, 'jobs'), number: true },
              { title: namedBySide(sides, side, 'updates'), number: true },
            ]),
          ],
          rows: sizes.map(({ name, bySide }) => [
            name,
            ...bySide.flatMap((bucket) => [count(bucket?.jobs ?? 0), count(bucket?.updates ?? 0)]),
          ]),
        })
      }
      ${figureOf(chart)}
    </div>
  </section>`;
}

/** By share, as numbers of jobs differ between the sides by more than one chart can show. */
export function batchChart(sides: readonly Side[]): Chart {
  const sizes = sizesOf(sides);
  return {
    id: 'batch-sizes',
    title: 'Updates by batch size',
    along: 'Updates in a job',
    unit: '%',
    shape: 'bars',
    logarithmic: false,
    x: sizes.map((_, index) => index),
    ticks: sizes.map(({ name }, at) => ({ at, text: name })),
    rowNames: sizes.map(({ name }) => name),
    lines: sides.map((side, index) => {
      const all = side.found.batchSizes.reduce((sum, { updates }) => sum + updates, 0);
      return {
        name: namedBySide(sides, side, 'share of updates'),
        compared: side.compared,
        dashed: false,
        values: sizes.map(({ bySide }) => (100 * (bySide[index]?.updates ?? 0)) / Math.max(all, 1)),
      };
    }),
    marks: [],
  };
}

function sizesOf(sides: readonly Side[]): Size[] {
  const buckets = new Map(
    sides.flatMap(({ found }) => found.batchSizes.map((bucket) => [bucket.from, bucket] as const)),
  );
  return [...buckets.values()]
    .sort((one, other) => one.from - other.from)
    .map((bucket) => ({
      name: nameOf(bucket),
      bySide: sides.map(({ found }) => found.batchSizes.find(({ from }) => from === bucket.from)),
    }));
}

function nameOf({ from, to }: BatchBucket): string {
  return from === to ? count(from) : `${count(from)} to ${count(to)}`;
}
