import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import { countWords } from '../words.js';
import { SHOWN_KEYS } from './find-keys.js';
import type { FoundKey, FoundKeys } from './find-keys.js';
import { keyLink } from './links.js';

/** The keys that fit a pattern, and whether there may be more. */
export function foundKeys({ found, unreadable, cut, faults }: FoundKeys): Html {
  return html`${
      found.length === 0
        ? html`<p class="card muted">No key was found that fits it. Those of Tally and BullMQ are not shown.</p>`
        : table(found)
    }
    <p class="muted">
      ${cut === undefined ? `${countWords(found.length, 'key')}.` : CUT_WORDS[cut]}
      ${unreadable > 0 && `The dashboard's user of Redis may not read ${countWords(unreadable, 'more', 'more')}.`}
    </p>
    ${faults.length > 0 && html`<p class="error">There may be more: ${faults.join('; ')}.</p>`}`;
}

const CUT_WORDS = {
  many: `More than ${SHOWN_KEYS} keys fit, of which these are some: write more of the key.`,
  slow: 'There are too many keys in Redis to look at all of them for a page: write more of the beginning of the key.',
} as const;

function table(found: readonly FoundKey[]): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Keys">
    <table class="stacks">
      <thead>
        <tr>
          <th>Key</th>
          <th>Type</th>
          <th class="number">Value</th>
        </tr>
      </thead>
      <tbody>
        ${found.map(row)}
      </tbody>
    </table>
  </div>`;
}

function row({ key, type, value }: FoundKey): Html {
  return html`<tr>
    <td data-label="Key">${keyLink(key)}</td>
    <td data-label="Type">${type}</td>
    <td class="number" data-label="Value">${value ?? (type === 'string' ? 'no integer' : '')}</td>
  </tr> `;
}
