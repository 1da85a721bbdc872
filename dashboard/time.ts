import { html } from '../src/web/html.js';
import type { Html } from '../src/web/html.js';

/**
 * A time in a page. It is UTC until the script of the page puts it into the zone of the reader, and says there which that is; see
 * `dashboard/page-script.ts`.
 *
 * @param at in ms, or as ISO 8601
 * @param precision how much of the second is shown
 */
export function timeAt(at: number | string | Date, precision: 's' | 'ms' = 's'): Html {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) {
    return html`unknown`;
  }
  const text = date.toISOString();
  const shown = text.slice(0, precision === 's' ? 19 : 23).replace('T', ' ');
  return html`<time datetime="${text}" data-precision="${precision}">${shown}</time>`;
}

/** In which zone the times of a page are. */
export const ZONE = html`<span class="zone">UTC</span>`;
