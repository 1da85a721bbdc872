import type { IncomingMessage } from 'node:http';
import { problemAt } from '../web/problems.js';

const PREFIX = 'ce-';

/** The event of a request in binary mode: its attributes are headers and its data the body. */
export function eventOfHeaders({ headers, headersDistinct }: IncomingMessage, data: unknown): Record<string, unknown> {
  const attributes = Object.entries(headersDistinct).flatMap(([name, values = []]) =>
    name.startsWith(PREFIX) ? [[name.slice(PREFIX.length), decode(name, values)]] : [],
  );
  return { ...(Object.fromEntries(attributes) as object), datacontenttype: headers['content-type'], data };
}

/** What a header says, as in section 3.1.3.2 of the HTTP binding of CloudEvents. */
function decode(header: string, [value = '', second]: readonly string[]): string {
  if (second !== undefined) {
    throw problemAt('INVALID_HEADER', header, 'must be given once');
  }
  // Node reads headers as Latin-1: in another mode the same event would have another id, and count twice.
  if (!/^[\x20-\x7e]*$/.test(value)) {
    throw problemAt('INVALID_HEADER', header, 'must be printable ASCII: percent-encode the UTF-8 of all else');
  }
  try {
    return decodeURIComponent(unquoted(value));
  } catch {
    throw problemAt('INVALID_HEADER', header, 'is not percent-encoded UTF-8: write % itself as %25');
  }
}

/** Senders of earlier versions put values with spaces into quotes. */
function unquoted(value: string): string {
  const [, inner] = /^"((?:[^"\\]|\\.)*)"$/.exec(value) ?? [];
  return inner === undefined ? value : inner.replace(/\\(.)/g, '$1');
}
