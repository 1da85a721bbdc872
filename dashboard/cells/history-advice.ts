import type { Operation } from '../../src/operations/operation.js';
import type { Registry } from '../../src/operations/registry.js';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';

/** For which operations changes are kept, as the dashboard was told, and how to keep those of others. */
export function historyAdvice(registry: Registry): Html {
  const plain = registry.operations.filter((operation) => operation.withHistory !== undefined); // all but transactions
  const on = plain.filter(({ history }) => history !== false);
  const off = plain.filter(({ history }) => history === false);
  return html`${on.length > 0 && html`<p class="muted">Changes are kept of ${on.map(historyWords).join(', ')}.</p>`}
  ${
    off.length > 0 &&
    html`<p class="muted">
      History is off for ${off.map(({ name }) => name).join(', ')}. To keep the last 100 changes of each cell, start
      <code>tally worker</code> and the dashboard with <code>TALLY_HISTORY=100</code>, or give both
      <code>${example(off, registry)}</code> as one of their <code>operations</code>.
    </p>`
  }`;
}

function historyWords({ name, history }: Operation): string {
  return `${name} (${history === false ? 0 : history} of each cell)`;
}

function example(off: readonly Operation[], registry: Registry): string {
  const builtIn = off.find((operation) => registry.isBuiltIn(operation));
  return builtIn === undefined ? 'defineOperation({ ..., history: 100 })' : `withHistory('${builtIn.name}', 100)`;
}
