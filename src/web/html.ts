import { htmlEscape } from 'escape-goat';

/** What may stand in a page: text and numbers are escaped, `Html` is not, `undefined` and `false` are left out. */
type Content = Html | string | number | false | undefined | readonly Content[];

/** A piece of HTML in which every value is escaped. Made in this file alone, so no text passes for one. */
export class Html {
  readonly #text: string;

  private constructor(text: string) {
    this.#text = text;
  }

  static of(parts: readonly string[], values: readonly Content[]): Html {
    return new Html(parts.map((part, index) => part + textOf(values[index])).join(''));
  }

  static inlined(tag: 'script' | 'style', code: string): Html {
    return new Html(`<${tag}>${code}</${tag}>`);
  }

  static data(id: string, value: unknown): Html {
    const json = JSON.stringify(value).replaceAll('<', String.raw`\u003c`); // nothing in it can end the element
    return new Html(`<script type="application/json" id="${htmlEscape(id)}">${json}</script>`);
  }

  toString(): string {
    return this.#text;
  }
}

/**
 * A piece of a page: html`<td>${key}</td>`. Values may stand in text and in quoted attributes; never in the name of
 * a tag or attribute, nor in a script or style.
 */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Html {
  return Html.of(parts, values);
}

function textOf(value: Content): string {
  if (value === undefined || value === false) {
    return '';
  }
  if (value instanceof Html) {
    return value.toString();
  }
  return typeof value === 'object' ? value.map(textOf).join('') : htmlEscape(String(value));
}
