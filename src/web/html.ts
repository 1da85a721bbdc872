import { htmlEscape } from 'escape-goat';
import { escapeInvisible } from './escape-invisible.js';

/** What may stand in a page: text and numbers are escaped, `Html` is not, `undefined` and `false` are left out. */
type Content = Html | string | number | false | undefined | readonly Content[];

/** A piece of HTML in which every value is escaped, in text also what is not seen. Made in this file alone, so no text passes for one. */
export class Html {
  readonly #text: string;

  private constructor(text: string) {
    this.#text = text;
  }

  static of(parts: readonly string[], values: readonly Content[]): Html {
    let isInTag = false;
    const pieces = parts.map((part, index) => {
      const [opens, closes] = [part.lastIndexOf('<'), part.lastIndexOf('>')];
      isInTag = opens === closes ? isInTag : opens > closes;
      return part + textOf(values[index], isInTag);
    });
    return new Html(pieces.join(''));
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

/** @param isInTag an attribute holds what it is given, a text shows it */
function textOf(value: Content, isInTag: boolean): string {
  if (value === undefined || value === false) {
    return '';
  }
  if (value instanceof Html) {
    return value.toString();
  }
  if (typeof value === 'object') {
    return value.map((each) => textOf(each, isInTag)).join('');
  }
  return htmlEscape(isInTag ? String(value) : escapeInvisible(String(value)));
}
