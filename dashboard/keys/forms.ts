import { html } from '../../src/html.js';
import type { Html } from '../../src/html.js';
import type { CellFields } from './cell-question.js';
import { FIND_PATH, KEYS_PATH } from './paths.js';

export function cellForm({ key, field, member }: CellFields): Html {
  return html`<form class="card fields" method="get" action="${KEYS_PATH}">
    <label>Key <input name="key" value="${key}" required autocomplete="off" spellcheck="false" /></label>
    <label>Field of a hash <input name="field" value="${field}" autocomplete="off" spellcheck="false" /></label>
    <label>
      Member of a sorted set <input name="member" value="${member}" autocomplete="off" spellcheck="false" />
    </label>
    <button type="submit">Show</button>
  </form>`;
}

export function findForm(text: string): Html {
  return html`<form class="card fields" method="get" action="${FIND_PATH}">
    <label>
      Idempotency key or update id
      <input name="update" value="${text}" required autocomplete="off" spellcheck="false" />
    </label>
    <button type="submit">Find</button>
  </form>`;
}
