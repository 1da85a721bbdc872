import { lexer } from 'marked';
import type { MarkedToken, Token, Tokens } from 'marked';
import { html } from '../../src/web/html.js';
import type { Html } from '../../src/web/html.js';
import { slugOf } from './links.js';

/** Where a link of a document leads on the dashboard; undefined where nothing can be read there. */
export type FindLink = (href: string) => string | undefined;

/** The blocks of a document. There are no extensions, which could make others. */
export function blocksOf(markdown: string): MarkedToken[] {
  return lexer(markdown) as MarkedToken[];
}

/**
 * Puts what was parsed into a page. All of it goes through `html`, so that whatever a document holds, HTML too, is shown as text.
 */
export class MarkdownPage {
  constructor(private readonly findLink: FindLink) {}

  render(tokens: readonly Token[] = []): Html[] {
    return tokens.map((token) => this.#one(token as MarkedToken));
  }

  #one(token: MarkedToken): Html {
    switch (token.type) {
      case 'heading':
        return this.#heading(token);
      case 'paragraph':
        return html`<p>${this.render(token.tokens)}</p> `;
      case 'list':
        return this.#list(token);
      case 'table':
        return this.#table(token);
      case 'code':
        return html`<pre class="card"><code>${token.text}</code></pre>`;
      case 'blockquote':
        return html`<blockquote>${this.render(token.tokens)}</blockquote>`;
      case 'codespan':
        return html`<code>${token.text}</code>`;
      case 'strong':
        return html`<strong>${this.render(token.tokens)}</strong>`;
      case 'em':
        return html`<em>${this.render(token.tokens)}</em>`;
      case 'link':
        return this.#link(token);
      case 'text':
        return token.tokens === undefined ? html`${token.text}` : html`${this.render(token.tokens)}`;
      case 'image':
        return html`<em>(${token.text})</em>`; // pictures do not come with the package
      case 'escape':
        return html`${token.text}`;
      case 'space':
        return html``;
      default:
        return html`${token.raw}`; // no document has it yet
    }
  }

  #heading({ depth, text, tokens }: Tokens.Heading): Html {
    const content = this.render(tokens);
    const id = slugOf(text);
    return depth > 2 ? html`<h3 id="${id}">${content}</h3> ` : html`<h2 id="${id}">${content}</h2> `;
  }

  #list({ ordered, items }: Tokens.List): Html {
    const rows = items.map(({ tokens }) => html`<li>${this.render(tokens)}</li> `);
    return ordered
      ? html`<ol>
          ${rows}
        </ol> `
      : html`<ul>
          ${rows}
        </ul> `;
  }

  #table({ header, rows }: Tokens.Table): Html {
    return html`<div class="scroll" tabindex="0" role="region" aria-label="Table">
      <table>
        <thead>
          <tr>
            ${header.map(({ tokens }) => html`<th>${this.render(tokens)}</th> `)}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (row) =>
              html`<tr>
                ${row.map(({ tokens }) => html`<td>${this.render(tokens)}</td> `)}
              </tr> `,
          )}
        </tbody>
      </table>
    </div>`;
  }

  #link({ href, text, tokens }: Tokens.Link): Html {
    const to = this.findLink(href);
    if (to !== undefined) {
      return html`<a href="${to}">${this.render(tokens)}</a>`;
    }
    const path = href.replace(/^(\.\.\/)+/, ''); // in the repository
    return path === text ? html`<code>${path}</code>` : html`${this.render(tokens)} (<code>${path}</code>)`;
  }
}
