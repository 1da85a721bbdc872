import type { Row } from './run.js';
import type { Totals } from './totals.js';

interface Facts {
  readonly healthy: number;
  readonly speed: number;
  /** All scenarios together. */
  readonly seconds: number;
  readonly totals: Totals;
}

const HEAD = ['broken', 'alert', 'fires after', 'the overview says', 'after', 'mended by', 'all ended after'];

/** The table of docs/evidence.md. */
export function resultText(rows: readonly Row[], { healthy, speed, seconds, totals }: Facts): string {
  const lines = rows.map((row) => {
    const cells = [row.scenario, row.alert, `${row.firedAfter} s`, row.said, `${row.saidAfter} s`, row.mended];
    return [...cells, `${row.endedAfter} s`];
  });
  const table = [HEAD, HEAD.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`);
  const others = rows.flatMap((row) => (row.others.length > 0 ? [`${row.scenario}: ${row.others.join(', ')}`] : []));
  return [
    `Healthy for ${healthy} s: no alert fired. For-times and windows of the rules divided by ${speed}.`,
    '',
    ...table,
    '',
    `Alerts that fired as well: ${others.join('; ')}.`,
    `${rows.length} scenarios in ${seconds} s. Since Redis was emptied last: ${totals.accepted} updates accepted, of ${totals.keys} keys, ` +
      'each applied once; all before that were compared as well. Subscribers were told of all.',
  ].join('\n');
}
