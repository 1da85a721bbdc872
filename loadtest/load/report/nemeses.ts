import type { Mark } from './chart.js';
import { seconds } from './figures.js';
import { html } from '../../../src/web/html.js';
import type { Html } from '../../../src/web/html.js';
import type { NemesisStrike } from '../result.js';
import type { Side } from './sides.js';
import { tableOf } from './table.js';

interface NumberedStrike {
  readonly number: number;
  readonly side: Side;
  readonly strike: NemesisStrike;
}

/** All strikes, numbered through both sides. */
function strikesOf(sides: readonly Side[]): NumberedStrike[] {
  return sides
    .flatMap((side) => side.found.nemeses.map((strike) => ({ side, strike })))
    .map((it, index) => ({ ...it, number: index + 1 }));
}

/** The strikes as marks in the charts over time. */
export function marksOf(sides: readonly Side[]): Mark[] {
  return strikesOf(sides).map(({ number, side: { compared }, strike: { startMs, endMs } }) => ({
    from: startMs / 1000,
    to: endMs / 1000,
    number,
    compared,
  }));
}

/** The list that the numbers in the charts refer to. */
export function nemesesSection(sides: readonly Side[]): Html | undefined {
  const strikes = strikesOf(sides);
  if (strikes.length === 0) {
    return undefined;
  }
  return html`<section>
    <h2>Nemeses</h2>
    ${tableOf({
      title: 'Nemeses',
      columns: [
        { title: 'Number', number: true },
        { title: 'Nemesis' },
        { title: 'What it struck' },
        { title: 'Side' },
        { title: 'At', number: true },
        { title: 'For', number: true },
      ],
      rows: strikes.map(({ number, side, strike: { name, what, startMs, endMs } }) => [
        String(number),
        name,
        what,
        side.title,
        seconds(startMs),
        seconds(endMs - startMs),
      ]),
    })}
  </section>`;
}
