import { htmlEscape } from 'escape-goat';

/** What may stand in a page: text and numbers are escaped, `Html` is not, `undefined` and `false` are left out. */
type Content = Html | string | number | false | undefined | readonly Content[];

/** A piece of HTML in which every value is escaped. Made by {@link html} alone, so no text passes for one. */
export class Html {
  readonly #text: string;

  private constructor(text: string) {
    this.#text = text;
  }

  static of(parts: readonly string[], values: readonly Content[]): Html {
    return new Html(parts.map((part, index) => part + render(values[index])).join(''));
  }

  toString(): string {
    return this.#text;
  }
}

/**
 * A piece of a page: html`<td>${job.name}</td>`. Values may stand in text and in quoted attributes; never in the name
 * of a tag or attribute, nor in a script or style.
 */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Html {
  return Html.of(parts, values);
}

function render(value: Content): string {
  if (value === undefined || value === false) {
    return '';
  }
  if (value instanceof Html) {
    return value.toString();
  }
  return typeof value === 'object' ? value.map(render).join('') : htmlEscape(String(value));
}
