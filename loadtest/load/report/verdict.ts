import type { Difference, LoadResult, Verdict } from '../result.js';
import { count, countOf } from './figures.js';
import { html } from '../../../src/web/html.js';
import type { Html } from '../../../src/web/html.js';
import type { Side } from './sides.js';
import { tableOf } from './table.js';

/** Of Tally's side. The others are behind a click. */
const DIFFERENCES_SHOWN = 20;

const KINDS: Readonly<Record<Difference['kind'], string>> = {
  lost: 'lost',
  doubled: 'doubled',
  'negative-stock': 'stock below zero',
};

/** The verdict on totals: the first thing that the report says. */
export function verdictSection({ passed, interrupted }: LoadResult, sides: readonly Side[]): Html {
  const [tally, ...others] = sides;
  return html`<section class="card verdict ${!passed && 'wrong'}" aria-label="Verdict">
    <p class="word ${!passed && 'wrong'}">${passed ? 'Passed' : 'Failed'}</p>
    ${
      tally &&
      html`<h1 class="${!tally.found.verdict.exact && 'error'}">${verdictLine(tally)}</h1>
        ${interrupted && html`<p>The load was stopped early; its totals were judged all the same.</p>`}
        ${evidenceOf(tally, DIFFERENCES_SHOWN)}`
    }
    ${others.map(
      (side) =>
        html`<div class="beside">
          <p class="${!side.found.verdict.exact && 'error'}">${side.title}: ${verdictLine(side)}</p>
          ${evidenceOf(side, 0)}
        </div>`,
    )}
  </section>`;
}

/** `12,345 updates acknowledged, every total exact`, or what is lost, doubled or negative. */
function verdictLine({ found: { counts, verdict } }: Side): string {
  if (counts.acknowledged === 0 && verdict.differing === 0) {
    return 'No update was acknowledged: there are no totals to judge';
  }
  const acknowledged = `${countOf(counts.acknowledged, 'update')} acknowledged`;
  return verdict.exact ? `${acknowledged}, every total exact` : `${acknowledged}, but ${wrongsOf(verdict).join('; ')}`;
}

function wrongsOf({ differing, cells, undrained, complaints, ...verdict }: Verdict): readonly string[] {
  const wrongs = [
    differing > 0 && `${count(differing)} of ${countOf(cells, 'total')} wrong: ${differencesText(verdict)}`,
    undrained > 0 && `${countOf(undrained, 'update')} without an outcome`,
  ].filter((wrong) => wrong !== false);
  return wrongs.length > 0 ? wrongs : complaints;
}

function differencesText({
  lost,
  doubled,
  negativeStocks,
}: Pick<Verdict, 'lost' | 'doubled' | 'negativeStocks'>): string {
  const kinds = [
    lost > 0 && `${count(lost)} lost`,
    doubled > 0 && `${count(doubled)} doubled`,
    negativeStocks > 0 && `${countOf(negativeStocks, 'stock')} below zero`,
  ];
  return kinds.filter((kind) => kind !== false).join(', ');
}

function evidenceOf({ title, found: { verdict } }: Side, shownAtOnce: number): Html {
  const { cells, uncertain, complaints, differences, differing } = verdict;
  const shown = differences.slice(0, shownAtOnce);
  const more = differences.slice(shownAtOnce);
  return html`${complaints.map((complaint) => html`<p class="error">${complaint}</p>`)}
    <p class="muted">
      ${countOf(cells, 'total')} compared with what Redis
      holds.${uncertain > 0 && ` ${countOf(uncertain, 'update')} may or may not have been accepted, and count as zero or one.`}
    </p>
    ${shown.length > 0 && differencesTable(`${title}: totals that differ`, shown)}
    ${
      more.length > 0 &&
      html`<details>
        <summary>${restText(shown.length, more.length, differing)}</summary>
        ${differencesTable(`${title}: more totals that differ`, more)}
      </details>`
    }`;
}

function restText(shown: number, more: number, all: number): string {
  if (shown > 0) {
    return `${count(more)} more of ${countOf(all, 'total')} that differ`;
  }
  return more < all ? `The ${count(more)} largest of ${count(all)} differences` : `All ${count(all)} differences`;
}

function differencesTable(title: string, differences: readonly Difference[]): Html {
  return tableOf({
    title,
    columns: [
      { title: 'Total' },
      { title: 'What is wrong' },
      { title: 'By', number: true },
      { title: 'Expected', number: true },
      { title: 'Found', number: true },
    ],
    rows: differences.map(({ cell, kind, amount, expectedLow, expectedHigh, found }) => [
      html`<span class="code">${cell}</span>`,
      html`<span class="error">${KINDS[kind]}</span>`,
      count(amount),
      expectedLow === expectedHigh ? count(expectedLow) : `${count(expectedLow)} to ${count(expectedHigh)}`,
      foundText(found),
    ]),
  });
}

function foundText(found: Difference['found']): string {
  if (found === null) {
    return 'nothing';
  }
  return typeof found === 'number' ? count(found) : `"${found}"`;
}
