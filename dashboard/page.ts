import type { Response, RequestHandler } from 'express';
import type { SignedIn } from './access/signed-in.js';
import { html } from '../src/web/html.js';
import type { Html } from '../src/web/html.js';
import { LOOK } from '../src/web/theme.js';

/** Where the stylesheet of the pages is served. */
export const STYLESHEET_PATH = '/ops/pages.css';

/** The parts of the dashboard, as the header of every page lists them. */
export const SECTIONS = [
  { name: 'Overview', path: '/ops' },
  { name: 'Failures', path: '/ops/failures' },
  { name: 'Queues', path: '/ops/queues' },
  { name: 'Keys', path: '/ops/keys' },
  { name: 'Schedules', path: '/ops/schedules' },
  { name: 'Webhooks', path: '/ops/webhooks' },
  { name: 'Audit', path: '/ops/audit' },
  { name: 'Runbook', path: '/ops/runbook' },
] as const;

export interface Page {
  /** Stands in the tab of the browser and as the heading. That of a section is the section's name. */
  readonly title: string;
  /** Who looks at it; undefined where nobody has signed in. */
  readonly user: SignedIn | undefined;
  readonly content: Html;
  /** Paths of what the page loads beside the stylesheet, scripts in the order in which they run. @defaultValue nothing */
  readonly assets?: { readonly styles: readonly string[]; readonly scripts: readonly string[] };
}

/** Nothing but what these pages need: their stylesheet and their forms. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** Answers with a page of Tally's own. Only one that loads scripts may run any, and those from here. */
export function sendPage(response: Response, page: Page): void {
  const policy = CONTENT_SECURITY_POLICY + (page.assets === undefined ? '' : "; script-src 'self'; connect-src 'self'");
  response.set('Content-Security-Policy', policy).type('html').send(renderPage(page));
}

/** A whole page: header with sections and user, heading, content. */
export function renderPage({ title, user, content, assets }: Page): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} - Tally</title>
        <link rel="icon" type="image/svg+xml" href="${ICON_PATH}" />
        <link rel="stylesheet" href="${STYLESHEET_PATH}" />
        ${assets?.styles.map((path) => html`<link rel="stylesheet" href="${path}" />`)}
        ${assets?.scripts.map((path) => html`<script defer src="${path}"></script>`)}
      </head>
      <body>
        <header class="bar">
          <a class="brand" href="/ops"><img src="${ICON_PATH}" alt="" width="24" height="24" />Tally</a>
          ${sectionLinks(title)} ${user && userOf(user)}
        </header>
        <main>
          <h1>${title}</h1>
          ${content}
        </main>
      </body>
    </html> `.toString();
}

function sectionLinks(title: string): Html {
  return html`<nav aria-label="Sections">
    ${SECTIONS.map(
      ({ name, path }) => html`<a href="${path}" ${name === title && html`aria-current="page"`}>${name}</a> `,
    )}
  </nav>`;
}

function userOf({ name, role, by }: SignedIn): Html {
  if (by === 'nobody-asked') {
    return html`<div class="user muted">no sign-in: everyone on this machine is an operator</div>`;
  }
  return html`<div class="user">
    <span>${name} <span class="tag">${role}</span></span>
    ${
      by === 'password' &&
      html`<form method="post" action="/ops/sign-out"><button type="submit" class="quiet">Sign out</button></form>`
    }
  </div>`;
}

/** Where the icon of Tally is served, for the pages and the board. */
export const ICON_PATH = '/ops/icon.svg';

/** Five tally marks, in the colour of the board's buttons. */
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" stroke="#14937f" stroke-width="3" stroke-linecap="round">
  <path d="M6 6v20M12 6v20M18 6v20M24 6v20M3 22 27 10" />
</svg>
`;

/** Serves the icon, also to those who have not signed in. */
export const sendIcon: RequestHandler = (_request, response) => {
  response.set('Cache-Control', 'public, max-age=3600').type('svg').send(ICON);
};

const STYLESHEET = `${LOOK}
a { color: var(--primary); }
.bar {
  display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1.5rem; min-height: 64px;
  padding: .5rem 2rem; background: var(--card); border-bottom: 1px solid var(--border);
}
.bar a { text-decoration: none; }
.brand { display: flex; align-items: center; gap: .5rem; color: var(--foreground); font-size: 1.25rem; font-weight: 600; }
nav { display: flex; flex-wrap: wrap; gap: .25rem; }
nav a { padding: .375rem .75rem; border-radius: var(--radius); color: var(--foreground); }
nav a:hover { background: var(--muted); }
nav a[aria-current] { background: var(--muted); color: var(--primary); font-weight: 600; }
.user { display: flex; align-items: center; gap: .75rem; margin-left: auto; }
main { max-width: 80rem; margin: 0 auto; padding: 1.5rem 2rem 3rem; }
h1 { margin: 0 0 1rem; font-size: 1.5rem; font-weight: 600; }
h2 { margin: 2rem 0 .75rem; font-size: 1.125rem; font-weight: 600; }
.card { padding: 1rem; background: var(--card); border: 1px solid var(--border); border-radius: var(--radius); }
.narrow { max-width: 24rem; }
.muted { color: var(--muted-foreground); }
.tag { padding: .0625rem .5rem; border-radius: 1rem; background: var(--muted); color: var(--muted-foreground); font-size: .8125rem; }
.error { color: var(--destructive); }
code, .code { font-family: var(--font-mono); font-size: .875em; overflow-wrap: anywhere; }
.scroll { position: relative; overflow-x: auto; background: var(--card); border: 1px solid var(--border); border-radius: var(--radius); }
table { width: 100%; border-collapse: collapse; font-size: .9375rem; }
th, td { padding: .5rem .75rem; border-bottom: 1px solid var(--border); text-align: left; vertical-align: top; }
tr:last-child > td { border-bottom: 0; }
th { color: var(--muted-foreground); font-size: .8125rem; font-weight: 600; white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.nowrap { white-space: nowrap; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .375rem 1.5rem; margin: 0; }
dt { color: var(--muted-foreground); }
dd { margin: 0; overflow-wrap: anywhere; }
form { margin: 0; }
.fields { display: flex; flex-wrap: wrap; align-items: end; gap: .75rem; }
.fields > label { flex: 1 1 12rem; }
label { display: block; font-size: .875rem; color: var(--muted-foreground); }
input, select {
  display: block; width: 100%; margin-top: .25rem; padding: .5rem .75rem; border: 1px solid var(--input);
  border-radius: var(--radius); background: var(--background); color: var(--foreground); font: inherit;
}
button {
  padding: .5rem 1rem; border: 1px solid transparent; border-radius: var(--radius); background: var(--primary);
  color: var(--primary-foreground); font: inherit; font-weight: 600; cursor: pointer;
}
button:hover, a.button:hover { filter: brightness(1.08); }
a.button { display: inline-block; padding: .5rem 1rem; border: 1px solid var(--input); border-radius: var(--radius); font-weight: 600; text-decoration: none; }
button.danger { background: var(--destructive); color: var(--destructive-foreground); }
a.danger { color: var(--destructive); border-color: var(--destructive); }
a.button.quiet { padding: .25rem .75rem; color: var(--foreground); font-weight: 400; }
.buttons { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
.rows { list-style: none; margin: 0; padding: 0; display: grid; gap: .5rem; }
.rows p { margin: 0; }
.rows p + p { margin-top: .25rem; }
.row { display: flex; flex-wrap: wrap; gap: .75rem 1.5rem; }
.grow { flex: 1 1 20rem; min-width: 0; }
.side { display: flex; flex-direction: column; gap: .5rem; align-items: flex-end; }
.words { font-weight: 600; overflow-wrap: anywhere; }
.tag.bad { background: var(--bad); color: var(--destructive); }
.tag.warn { background: var(--warn); color: var(--warn-foreground); }
.tag.good { background: var(--good); color: var(--good-foreground); }
dl.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .5rem; margin: 1rem 0; }
.tiles dd { margin: 0; font-size: 1.5rem; font-weight: 600; }
.verdict { margin: 0; padding: 1rem; border-radius: var(--radius); }
.verdict p { margin: 0; }
.verdict ul { margin: .5rem 0 0; padding-left: 1.25rem; }
.verdict.good { background: var(--good); color: var(--good-foreground); }
.verdict.warn { background: var(--warn); color: var(--warn-foreground); }
.verdict.bad { background: var(--bad); color: var(--destructive); }
.verdict a { color: inherit; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); gap: 0 1rem; }
.columns > section { min-width: 0; }
article :is(p, ul, ol) { max-width: 60rem; }
article li { margin: .25rem 0; }
article .scroll table { min-width: 40rem; }
article td code { overflow-wrap: break-word; }
article :is(pre, .scroll) { margin: 1rem 0; }
h3 { margin: 1.5rem 0 .5rem; font-size: 1rem; font-weight: 600; }
ol.keys { margin: 0; padding: .75rem 1rem .75rem 2.5rem; }
.scroll.plain { border: 0; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
figure svg { max-height: 6rem; }
figcaption { font-size: .8125rem; }
th[scope="row"] { font-weight: 400; }
details { margin-top: .5rem; }
summary { cursor: pointer; color: var(--muted-foreground); }
pre { margin: .5rem 0 0; overflow-x: auto; white-space: pre-wrap; }
button.quiet { padding: .25rem .75rem; border-color: var(--input); background: transparent; color: var(--foreground); font-weight: 400; }
.stack > * + * { margin-top: 1rem; }
figure { margin: 0; }
figure svg { display: block; width: 100%; height: auto; }
.series { fill: none; stroke: var(--series); stroke-width: 2; vector-effect: non-scaling-stroke; }
.point { fill: var(--series); }
.axis { stroke: var(--border); }
svg text { fill: var(--muted-foreground); font: .75rem var(--font-sans); }
@media (max-width: 40rem) {
  .bar, main { padding-left: 1rem; padding-right: 1rem; }
  .user { margin-left: 0; width: 100%; justify-content: space-between; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dl.tiles { grid-template-columns: 1fr 1fr; gap: .5rem; }
  dd { margin-bottom: .75rem; }
  .stacks thead { display: none; }
  .stacks tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--border); }
  .stacks tr:last-child { border-bottom: 0; }
  .stacks td { display: block; padding: .125rem .75rem; border: 0; white-space: normal; overflow-wrap: anywhere; }
  .stacks td::before { content: attr(data-label) ': '; color: var(--muted-foreground); }
  .stacks td.number { display: inline-block; text-align: start; }
  .stacks td:empty { display: none; }
  .tiles dd { margin: 0; font-size: 1.25rem; }
  table { font-size: .8125rem; }
  th, td { padding: .375rem; }
  th, .nowrap { white-space: normal; }
  td { overflow-wrap: break-word; }
  td .code { display: inline-block; max-width: 5rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; vertical-align: bottom; }
  .stacks td .code { display: inline; max-width: none; white-space: normal; }
  .side { align-items: flex-start; }
}
`;

/** Serves the stylesheet of the pages, also to those who have not signed in. */
export const sendStylesheet: RequestHandler = (_request, response) => {
  response.set('Cache-Control', 'public, max-age=300').type('css').send(STYLESHEET);
};
