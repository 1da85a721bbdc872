import { readdirSync, readFileSync } from 'node:fs';
import { Router } from 'express';
import type { Response } from 'express';
import type { MarkedToken, Tokens } from 'marked';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import { sendPage } from '../page.js';
import { DOCUMENTS_PATH, partPath, RUNBOOK_PATH, slugOf } from './links.js';
import { blocksOf, MarkdownPage } from './markdown.js';

/** The documents; `dist/` has a copy in the same place. */
const FOLDER = new URL('../../docs/', import.meta.url);

const RUNBOOK = 'runbook';

interface Part {
  readonly heading: string;
  readonly blocks: readonly MarkedToken[];
}

/**
 * The runbook, by its parts, and the documents that it leads to. They say nothing of this installation and need nothing of Redis: so
 * they are for everyone who reaches the dashboard, also while nobody can be recognised.
 */
export function documentsPages(): Router {
  const documents = new Documents();
  const router = Router({ caseSensitive: true });
  router.get(RUNBOOK_PATH, (_request, response) => {
    const page = new MarkdownPage((href) => documents.find(RUNBOOK, href));
    send(response, 'Runbook', html`${page.render(documents.opening)} ${contents(documents.parts, page)}`);
  });
  router.get(`${RUNBOOK_PATH}/:part`, ({ params }, response) => {
    const part = documents.part(params.part);
    if (part === undefined) {
      sendNone(response, 'The runbook has no such part.');
      return;
    }
    const page = new MarkdownPage((href) => documents.find(RUNBOOK, href));
    send(response, part.heading, html`${page.render(part.blocks)} ${BACK}`);
  });
  router.get(`${DOCUMENTS_PATH}/:name`, ({ params: { name } }, response) => {
    if (!documents.names.has(name)) {
      sendNone(response, 'There is no such document.');
      return;
    }
    const [first, ...blocks] = documents.read(name);
    const title = first?.type === 'heading' ? first.text : name;
    const page = new MarkdownPage((href) => documents.find(name, href));
    send(response, title, html`${page.render(blocks)} ${BACK}`);
  });
  return router;
}

const BACK = html`<p><a href="${RUNBOOK_PATH}">All parts of the runbook</a></p>`;

/** Each part with its first sentence. */
function contents(parts: readonly Part[], page: MarkdownPage): Html {
  return html`<ul class="rows">
    ${parts.map(
      ({ heading, blocks }) =>
        html`<li class="card">
          <p class="words"><a href="${partPath(heading)}">${heading}</a></p>
          <div class="muted">${page.render(firstSentence(blocks))}</div>
        </li> `,
    )}
  </ul>`;
}

/** Without the word that begins the entry of each alert. */
function firstSentence(blocks: readonly MarkedToken[]): readonly MarkedToken[] {
  const raw = blocks.find(({ type }) => type === 'paragraph')?.raw.replace(/^\*\*Meaning\.\*\* /, '') ?? '';
  const [sentence = raw] = /^.*?[.:](?=\s|$)/s.exec(raw) ?? [];
  return blocksOf(sentence.replace(/:$/, '.'));
}

function send(response: Response, title: string, content: Html): void {
  sendPage(response, { title, user: undefined, content: html`<article>${content}</article>` });
}

function sendNone(response: Response, words: string): void {
  send(
    response.status(404),
    'Runbook',
    html`<p class="card">${words}</p>
      ${BACK}`,
  );
}

/** What there is to read. It does not change while the dashboard runs. */
class Documents {
  readonly names: ReadonlySet<string>;
  /** What stands before the first part of the runbook. */
  readonly opening: readonly MarkedToken[];
  readonly parts: readonly Part[];

  constructor() {
    const files = readdirSync(FOLDER).filter((file) => file.endsWith('.md'));
    this.names = new Set(files.map((file) => file.slice(0, -'.md'.length)));
    const blocks = this.read(RUNBOOK);
    const begins = blocks.flatMap((block, index) => (block.type === 'heading' && block.depth === 2 ? index : []));
    this.opening = blocks.slice(1, begins[0]);
    this.parts = begins.map((begin, index) => ({
      heading: (blocks[begin] as Tokens.Heading).text,
      blocks: blocks.slice(begin + 1, begins[index + 1]),
    }));
  }

  /** @param name one of `names` */
  read(name: string): MarkedToken[] {
    return blocksOf(readFileSync(new URL(`${name}.md`, FOLDER), 'utf8'));
  }

  part(name: string): Part | undefined {
    return this.parts.find(({ heading }) => slugOf(heading) === name.toLowerCase());
  }

  /** Where a link in a document leads: to a part of the runbook, a place in another document, or another site. */
  find(from: string, href: string): string | undefined {
    if (/^https?:/.test(href)) {
      return href;
    }
    const [, name = from, place = ''] = /^(?:([\w-]+)\.md)?(?:#(.+))?$/.exec(href) ?? ['', ''];
    if (name === RUNBOOK) {
      const part = this.part(place);
      return part === undefined ? RUNBOOK_PATH : partPath(part.heading);
    }
    return this.names.has(name) ? `${DOCUMENTS_PATH}/${name}${place && `#${place}`}` : undefined;
  }
}
