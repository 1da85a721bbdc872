import type { Response } from 'express';
import type { SignedIn } from '../access/signed-in.js';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import { ICON_PATH } from './icon.js';

/** Where the stylesheet of the pages is served. */
export const STYLESHEET_PATH = '/ops/pages.css';

/** The parts of the dashboard, as the header of every page lists them. */
export const SECTIONS = [
  { name: 'Queues', path: '/ops/queues' },
  { name: 'Keys', path: '/ops/keys' },
  { name: 'Audit', path: '/ops/audit' },
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
  const policy = CONTENT_SECURITY_POLICY + (page.assets === undefined ? '' : "; script-src 'self'");
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
          ${user && sectionLinks(title)} ${user && userOf(user)}
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
