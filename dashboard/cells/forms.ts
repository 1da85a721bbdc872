import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import type { CellFields } from './cell-question.js';
import { FIND_PATH, KEYS_PATH } from './links.js';

export function cellForm({ key, field, member }: CellFields): Html {
  return html`<form class="card fields" method="get" action="${KEYS_PATH}">
    <label>
      Key
      <input
        name="key"
        value="${key}"
        required
        placeholder="stock:lamp, or stock:* for all"
        autocomplete="off"
        spellcheck="false"
      />
    </label>
    <label>Field of a hash <input name="field" value="${field}" autocomplete="off" spellcheck="false" /></label>
    <label>
      Member of a sorted set <input name="member" value="${member}" autocomplete="off" spellcheck="false" />
    </label>
    <button type="submit">Show</button>
  </form>`;
}

/** What was typed into the form that finds an update. */
export interface FindFields {
  readonly update: string;
  /** Whose idempotency key it is; empty for callers without a name. */
  readonly owner: string;
  /** Only where {@link asksForKey}. */
  readonly key: string;
}

/** In a Cluster, what is recorded of an idempotency key lies beside the keys that its update changes. */
export function findForm({ update, owner, key }: FindFields, asksForKey: boolean): Html {
  return html`<form class="card fields" method="get" action="${FIND_PATH}">
    <label>
      Idempotency key or update id
      <input name="update" value="${update}" required autocomplete="off" spellcheck="false" />
    </label>
    <label>
      Owner of the key, if it has one <input name="owner" value="${owner}" autocomplete="off" spellcheck="false" />
    </label>
    ${
      asksForKey &&
      html`<label>
        Key that it changes <input name="key" value="${key}" autocomplete="off" spellcheck="false" />
      </label>`
    }
    <button type="submit">Find</button>
    ${
      asksForKey &&
      html`<p class="muted">
        This is a Cluster, so what became of an idempotency key is recorded beside the key that its update changed:
        without that key, only jobs that wait, run or have failed are found by an idempotency key.
      </p>`
    }
  </form>`;
}
