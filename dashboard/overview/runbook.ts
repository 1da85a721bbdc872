import { readFileSync } from 'node:fs';
import type { RequestHandler } from 'express';
import { signedInOf } from '../access/signed-in.js';
import { html } from '../../src/web/html.js';
import { sendPage } from '../page.js';

/** Where the runbook stands, by the names of its parts, which are those of the alerts. */
export const RUNBOOK_PATH = '/ops/runbook';

/** The text of docs/runbook.md; `dist/` has a copy in the same place. */
function runbook(): string {
  return readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');
}

/** Serves a part of the runbook as it is written. */
export const sendRunbook: RequestHandler = (request, response) => {
  const { part = '' } = request.params as { part?: string };
  const found = runbook()
    .split(/^## /m)
    .find((text) => text.slice(0, text.indexOf('\n')) === part);
  const content =
    found === undefined
      ? html`<p class="card">The runbook has no such part.</p>`
      : html`<pre class="card">${found.slice(found.indexOf('\n')).trim()}</pre>`;
  const title = found === undefined ? 'Runbook' : part;
  sendPage(response.status(found === undefined ? 404 : 200), { title, user: signedInOf(response), content });
};
