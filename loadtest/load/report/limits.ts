import { html } from '../../../src/web/html.js';
import type { Html } from '../../../src/web/html.js';
import type { LoadResult } from '../result.js';
import { unitOf } from '../slo.js';
import { countOf } from './figures.js';
import { tableOf } from './table.js';

/** What Tally's side kept of `--slo`; nothing without it. */
export function limitsSection({ slo = [] }: LoadResult): Html | undefined {
  const broken = slo.filter(({ held }) => !held).length;
  return slo.length === 0
    ? undefined
    : html`<section>
        <h2>Limits</h2>
        <p class="${broken > 0 && 'error'}">
          ${broken === 0 ? 'All limits were kept.' : `${countOf(broken, 'limit')} of ${slo.length} not kept.`}
        </p>
        <div class="narrow">
          ${tableOf({
            title: 'Limits of the load',
            columns: [{ title: 'Limit' }, { title: 'Found', number: true }, { title: 'Kept' }],
            rows: slo.map((one) => [
              html`<span class="code">${one.text}</span>`,
              `${one.value.toLocaleString('en', { maximumFractionDigits: 2 })} ${unitOf(one)}`,
              one.held ? 'yes' : html`<span class="error">no</span>`,
            ]),
          })}
        </div>
      </section>`;
}
