import type { Row } from './row.js';

/** What only a parser of CSV understands, by how lines end: quotes, and other ends of lines. */
const NOT_PLAIN = { '\n': /["\r]/, '\r\n': /"|\r(?!\n)|(?<!\r)\n/ } as const;

const NEW_LINE = 0x0a;

/** Bytes without the end of a line after which it gives up. */
const LONGEST_LINE = 2 ** 20;

/** With which a file may begin. */
const BYTE_ORDER_MARK = /^\uFEFF/;

/** As files in UTF-16 begin. */
const UTF_16 = Buffer.from([0xff, 0xfe]);

/**
 * Reads CSV without quotes, as most files are, by splitting. It gives up at the first bytes that are not as plain: the parser, which takes several times
 * as long, goes on from there.
 */
export class PlainCsv {
  /** The columns, once their line was read. */
  names: readonly string[] | undefined;
  #end: keyof typeof NOT_PLAIN | undefined;
  /** Lines that were read. */
  #lines = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(private readonly delimiter: string) {}

  /** What the parser reads before the rest of the file: lines that were read as empty ones, so that it counts them. */
  get unread(): Buffer {
    return Buffer.concat([Buffer.from((this.#end ?? '').repeat(this.#lines)), this.#rest]);
  }

  /** @returns undefined when it gives up, and has taken no row of this chunk */
  read(chunk: Buffer, isLast: boolean): Row[] | undefined {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = bytes;
    const length = isLast ? bytes.length : bytes.lastIndexOf(NEW_LINE) + 1;
    if (length === 0) {
      return bytes.length > LONGEST_LINE ? undefined : [];
    }
    const decoded = bytes.toString('utf8', 0, length);
    const text = this.#lines === 0 ? decoded.replace(BYTE_ORDER_MARK, '') : decoded;
    this.#end ??= /^[^\n]*\r\n/.test(text) ? '\r\n' : '\n';
    if (NOT_PLAIN[this.#end].test(text) || (this.#lines === 0 && bytes.subarray(0, 2).equals(UTF_16))) {
      return undefined;
    }
    const rows = this.#rowsOf(text.split(this.#end));
    if (rows !== undefined) {
      this.#rest = bytes.subarray(length);
    }
    return rows;
  }

  /** @param lines the last of which has no end */
  #rowsOf(lines: readonly string[]): Row[] | undefined {
    const rows: Row[] = [];
    let names = this.names;
    for (const [place, line] of lines.entries()) {
      const texts = line === '' ? [] : line.split(this.delimiter);
      if (names === undefined && line !== '') {
        names = namesIn(texts);
        if (names === undefined) {
          return undefined;
        }
      } else if (names !== undefined && line !== '') {
        if (texts.length !== names.length) {
          return undefined;
        }
        rows.push({ line: this.#lines + place + 1, columns: columnsOf(names, texts) });
      }
    }
    this.names = names;
    this.#lines += lines.length - 1;
    return rows;
  }
}

/** Undefined where the parser is to tell what is wrong with them. */
function namesIn(names: readonly string[]): readonly string[] | undefined {
  const isUsual = new Set(names).size === names.length && !names.includes('__proto__') && names.join('') !== '';
  return isUsual ? names : undefined;
}

function columnsOf(names: readonly string[], texts: readonly string[]): Record<string, string> {
  const columns: Record<string, string> = {};
  for (let place = 0; place < names.length; place += 1) {
    columns[names[place] ?? ''] = texts[place] ?? '';
  }
  return columns;
}
