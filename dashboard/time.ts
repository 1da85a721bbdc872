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

/** How long something takes or took, for people: `2 h 5 min`. */
export function durationWords(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) {
    return seconds < 1 && ms > 0 ? 'less than 1 s' : `${seconds} s`;
  }
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) {
    return `${minutes} min`;
  }
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

/** A count for people, with commas. */
export function countWords(count: number, what: string): string {
  return `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;
}
