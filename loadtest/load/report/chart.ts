import { countOf } from './figures.js';
import { html } from '../../../src/web/html.js';
import type { Html } from '../../../src/web/html.js';
import { tableOf } from './table.js';

/** A chart as the page draws it, and the table that says the same in figures. */
export interface Chart {
  readonly id: string;
  readonly title: string;
  /** What is along the bottom, as the head of the table's first column: `Second`. */
  readonly along: string;
  /** What is upwards: `updates/s`. */
  readonly unit: string;
  readonly shape: 'lines' | 'bars';
  /** Whether the axis upwards goes by powers of ten. */
  readonly logarithmic: boolean;
  /** Ascending. */
  readonly x: readonly number[];
  /** What stands below the axis; without it numbers do, where there is room. */
  readonly ticks?: readonly Tick[];
  /** What the rows of the table are called; without it by their x. */
  readonly rowNames?: readonly string[];
  readonly lines: readonly Line[];
  readonly marks: readonly Mark[];
}

export interface Tick {
  readonly at: number;
  readonly text: string;
}

export interface Line {
  readonly name: string;
  /** Decides the colour: one for each side. */
  readonly compared: boolean;
  /** The second figure of a side has its colour and is dashed. */
  readonly dashed: boolean;
  /** One for each x; null where there is none. */
  readonly values: readonly (number | null)[];
}

/** A span of time in which something was struck, numbered as in the list of nemeses. */
export interface Mark {
  readonly from: number;
  readonly to: number;
  readonly number: number;
  readonly compared: boolean;
}

/** Zero has no place on an axis of powers of ten. */
const LOWEST = 0.01;

/** The place of a chart, which the script fills, with its legend and its table. */
export function figureOf(chart: Chart): Html {
  const { id, title, unit, lines, marks, x } = chart;
  if (x.length === 0) {
    return html`<figure class="card">
      <figcaption><h3>${title}</h3></figcaption>
      <p class="muted">Nothing was measured.</p>
    </figure>`;
  }
  return html`<figure class="card">
    <figcaption>
      <h3>${title} <span class="muted">${unit}</span></h3>
    </figcaption>
    <ul class="legend">
      ${lines.map((line) => html`<li>${swatchOf(chart, line)} ${line.name}</li>`)}
      ${marks.length > 0 && html`<li>${stroke('mark')} nemeses, by number</li>`}
    </ul>
    <div class="drawing" id="${id}" role="img" aria-label="${descriptionOf(chart)}"></div>
    <details>
      <summary>${title} as a table</summary>
      ${chartTable(chart)}
    </details>
  </figure>`;
}

/** What the script needs to draw it. */
export function drawingOf(chart: Chart): unknown {
  const { id, along, shape, logarithmic, x, ticks, rowNames, lines, marks } = chart;
  return {
    id,
    along,
    shape,
    logarithmic,
    x,
    ticks,
    names: rowNames ?? x.map(figure),
    lines: lines.map((line) => ({
      ...line,
      values: line.values.map((value) => (logarithmic && value !== null ? Math.max(value, LOWEST) : value)),
    })),
    marks,
  };
}

function swatchOf({ shape }: Chart, { compared, dashed }: Line): Html {
  const side = compared ? 'compared' : '';
  return shape === 'bars'
    ? html`<svg viewBox="0 0 28 12" aria-hidden="true">
        <rect class="square ${side}" x="8" width="12" height="12" />
      </svg>`
    : stroke(`${side}${dashed ? ' dashed' : ''}`);
}

function stroke(kind: string): Html {
  return html`<svg viewBox="0 0 28 12" aria-hidden="true"><path class="stroke ${kind}" d="M0 6h28" /></svg>`;
}

function descriptionOf({ title, unit, along, lines, marks }: Chart): string {
  const highest = lines.map(({ name, values }) => {
    const figures = values.filter((value) => value !== null);
    return figures.length === 0
      ? `${name} has none`
      : `${name} up to ${figure(figures.reduce((one, other) => Math.max(one, other)))}`;
  });
  const struck = marks.length === 0 ? '' : ` ${countOf(marks.length, 'nemesis is marked', 'nemeses are marked')}.`;
  return `Chart of ${title.toLowerCase()} in ${unit}, by ${along.toLowerCase()}: ${highest.join(', ')}.${struck} The table below holds all figures.`;
}

function chartTable({ title, along, lines, x, rowNames }: Chart): Html {
  return tableOf({
    title,
    columns: [{ title: along, number: true }, ...lines.map(({ name }) => ({ title: name, number: true }))],
    rows: x.map((at, index) => [
      rowNames?.[index] ?? figure(at),
      ...lines.map(({ values }) => figure(values[index] ?? null)),
    ]),
  });
}

function figure(value: number | null): string {
  return value === null ? '' : value.toLocaleString('en', { maximumFractionDigits: value < 100 ? 2 : 0 });
}
