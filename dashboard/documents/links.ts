import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';

/** The contents of the runbook; below it stand its parts, by their headings. Those of the alerts are their names. */
export const RUNBOOK_PATH = '/ops/runbook';

/** The other documents, by the names of their files without `.md`. */
export const DOCUMENTS_PATH = '/ops/docs';

/** What headings are called in links to them, as GitHub does it. */
export function slugOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

/** A part's heading in the address of its page, which finds it in any case. */
export function partPath(heading: string): string {
  return `${RUNBOOK_PATH}/${encodeURIComponent(heading.replaceAll(' ', '-'))}`;
}

/** @param part of the runbook; none where the words before say it all */
export function whatToDo(part: string | undefined): Html | undefined {
  return part === undefined ? undefined : html`<a href="${partPath(part)}">What to do</a>`;
}
