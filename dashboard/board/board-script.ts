import type { RequestHandler } from 'express';
import { SECTIONS } from '../page.js';
import { DELIVERIES } from '../../src/jobs/webhook-reading.js';
import { FAILURES_PATH } from '../failures/links.js';
import { BOARD_PATH } from './board-name.js';
import { REMOVE_WAITING_PATH } from './remove-pages.js';

export const BOARD_SCRIPT_PATH = '/ops/board.js';

/** Hides buttons of the board that can not work: Tally refuses to add, duplicate and edit jobs, to obliterate queues, and to change schedules. */
export const BOARD_STYLE = `
td[class*="actionsCell-"] { display: none }
ul[class*="jobActions-"] > li:has(.lucide-files, .lucide-pencil) { display: none }
[role="menu"]:has([class*="danger-"]) > [role="menuitem"]:is(:has(.lucide-plus), [class*="danger-"]) { display: none }
.tally-sections { display: flex; flex-direction: column; padding: .5rem 0 .75rem; border-bottom: 1px solid var(--sidebar-border, var(--border)) }
main > .tally-sections { display: none }
@media (max-width: 767px) { main > .tally-sections { display: flex; flex-flow: row wrap; padding: .25rem .5rem; background: var(--card) } }
.tally-sections a { padding: .4rem 1.2rem; color: inherit; text-decoration: none }
.tally-sections a:hover { background: var(--sidebar-state-hover, var(--muted)) }
.tally-sections a[aria-current] { font-weight: 600; color: var(--primary) }
[class*="hljs-title"] { color: var(--status-failed) }
.tally-unseen { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%) }
p[class*="description-"], small, time, [class*="timeline"] * { opacity: 1; color: var(--muted-foreground) }
@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important } }
`;

/** What the icons are called that have no words, by their class. */
const ICONS: Readonly<Record<string, string>> = {
  'lucide-refresh-cw': 'Retry',
  'lucide-trash-2': 'Remove',
  'lucide-corner-up-left': 'Run now',
  'lucide-clock': 'Run at another time',
  'lucide-copy': 'Copy',
  'lucide-maximize': 'Full screen',
  'lucide-minimize': 'Leave full screen',
  'lucide-settings': 'Settings',
  'lucide-circle-user': 'Account and other pages',
  'lucide-circle-user-round': 'Account and other pages',
  'lucide-user-round': 'Account and other pages',
  'lucide-ellipsis-vertical': 'Actions',
  'lucide-chevron-up': 'Fold',
  'lucide-chevron-down': 'Unfold',
  'lucide-chevron-left': 'Previous page',
  'lucide-chevron-right': 'Next page',
};

/**
 * Runs in the browser beside the board. It puts the other pages into the board's sidebar, gives icons names, and has the buttons that
 * remove many jobs lead to the pages that say how many updates these are.
 */
const BOARD_SCRIPT = `(() => {
const SECTIONS = ${JSON.stringify(SECTIONS)};
const ICONS = ${JSON.stringify(ICONS)};

function addSections(place) {
  if (place === null || place.querySelector(':scope > .tally-sections') !== null) return;
  const nav = document.createElement('nav');
  nav.className = 'tally-sections';
  nav.setAttribute('aria-label', 'Sections');
  for (const { name, path } of SECTIONS) {
    const link = document.createElement('a');
    link.href = path;
    link.textContent = name;
    if (path === '${BOARD_PATH}') link.setAttribute('aria-current', 'page');
    nav.append(link);
  }
  place.prepend(nav);
  if (place.tagName === 'MAIN' && document.getElementById('bull-board-sidebar') !== null) return;
  const heading = document.createElement('h1');
  heading.className = 'tally-unseen';
  heading.textContent = 'Queues';
  place.prepend(heading);
}

function nameIcons() {
  for (const button of document.querySelectorAll('button:not([aria-label]), #root a[class*="externalLink"]:not([aria-label])')) {
    if (button.textContent.trim() !== '' && button.querySelector('svg > style') === null) continue;
    const icon = button.querySelector('svg');
    const known = [...(icon?.classList ?? [])].map((each) => ICONS[each]).find((each) => each !== undefined);
    const name = known ?? (icon?.querySelector('style') ? 'Redis' : undefined);
    if (name !== undefined) {
      button.setAttribute('aria-label', name);
      button.title = name;
    }
  }
}

// Marks that say to screen readers what is not so.
function mendMarks() {
  for (const icon of document.querySelectorAll('svg[role="img"]:not([aria-hidden])')) {
    icon.removeAttribute('role');
    icon.setAttribute('aria-hidden', 'true');
  }
  document.querySelectorAll('a[class*="schedulersLink"]').forEach((link) => link.removeAttribute('aria-label'));
  document.querySelectorAll('h5:not([aria-level])').forEach((heading) => {
    heading.setAttribute('role', 'heading');
    heading.setAttribute('aria-level', '2');
  });
  document.querySelectorAll('ul[role="navigation"]').forEach((list) => list.removeAttribute('role'));
  document.querySelectorAll('header a > img[alt="Tally"]').forEach((image) => image.setAttribute('alt', ''));
}

function nameOfQueue(element) {
  const link = element?.closest('[class*="card-"]')?.querySelector('a[href*="/queue/"]');
  const path = link?.getAttribute('href') ?? location.pathname;
  const found = /\\/queue\\/([^/?]+)/.exec(path);
  return found === null ? undefined : decodeURIComponent(found[1]);
}

function leadsTo(button) {
  if (button.matches('ul[class*="queueActions-"] button') && button.querySelector('.lucide-trash-2') !== null) {
    const state = new URLSearchParams(location.search).get('status');
    const queue = nameOfQueue();
    if (queue === '${DELIVERIES}') return undefined; // no updates: the board asks, and removes them
    if (state === 'failed') return '${FAILURES_PATH}/of-queue?' + new URLSearchParams({ queue });
    if (state === 'delayed') return '${REMOVE_WAITING_PATH}?' + new URLSearchParams({ queue, state });
  }
  if (button.matches('[role="menuitem"]') && button.querySelector('.lucide-trash-2') !== null) {
    const queue = nameOfQueue(document.querySelector('button[aria-haspopup="menu"][aria-expanded="true"]'));
    if (queue !== undefined && queue !== '${DELIVERIES}') return '${REMOVE_WAITING_PATH}?' + new URLSearchParams({ queue, state: 'waiting' });
  }
  return undefined;
}

document.addEventListener('click', (event) => {
  const button = event.target.closest?.('button, [role="menuitem"]');
  const path = button ? leadsTo(button) : undefined;
  if (path !== undefined) {
    event.preventDefault();
    event.stopImmediatePropagation();
    location.assign(path);
  }
}, true);

let isDue = false;
const refresh = () => {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    addSections(document.getElementById('bull-board-sidebar'));
    addSections(document.querySelector('#root main')); // for phones, which have no sidebar
    nameIcons();
    mendMarks();
  });
};
new MutationObserver(refresh).observe(document.body, { childList: true, subtree: true });
refresh();
})();
`;

/** Serves the script of the board's page. */
export const sendBoardScript: RequestHandler = (_request, response) => {
  response.type('text/javascript').send(BOARD_SCRIPT);
};
