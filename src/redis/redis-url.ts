import { ConfigurationError } from '../errors.js';

/** The parts of a URL, decoded. */
export interface UrlParts {
  /** In small letters, without the colon: `rediss-cluster`. */
  readonly scheme: string;
  readonly username: string;
  readonly password: string;
  /** As written, `host:port`; empty when there is none. */
  readonly host: string;
  /** As written, with its leading slash; empty when there is none. */
  readonly path: string;
  readonly query: URLSearchParams;
}

/** The schemes that are understood. */
const SCHEME = /^rediss?(-cluster|-sentinel)?$|^redis\+unix$/;

/** Schemes that may stand in an error: what else stands before `://` may be a part of a password. */
const SHOWN_SCHEME = /^(rediss?|valkeys?|https?|unix|tcp|tls|sentinel)([+-][a-z]{1,10})?$/;

/**
 * A URL by the letter of RFC 3986, so that nothing is in doubt: a `/`, `?` or `#` in a password that is not percent-encoded
 * would end its host, and what follows would stand where it is taken for the database or a parameter.
 */
const FORM = /^([a-z][a-z0-9+.-]*):\/\/(?:([^/?#]*)@)?([^/?#@]*)(\/[^?#@]*)?(?:\?([^#@]*))?$/i;

const HOST = /^(?:(?:\[[\da-f:.]+\]|[\w.-]+)(?::\d{1,5})?)?$/i;

const HIDDEN = '***';

/** What to write for characters that mean something else in a URL. */
const ENCODE =
  'in a user name or password, and in a parameter, write % as %25, / as %2F, # as %23, ? as %3F, @ as %40, : as %3A, & as %26, ' +
  'and a space as %20 (in JavaScript encodeURIComponent does so)';

const EXAMPLES =
  'write redis://host:port, redis-cluster://host:port?node=host:port, redis-sentinel://host:port?master=name (with rediss in place of ' +
  'redis for TLS) or redis+unix:///path/to/redis.sock';

/** How others write where a socket is. */
const OTHER_SOCKETS = /^(unix|redis-socket|redis\+socket|redis-unix|rediss\+unix|valkey\+unix):|^\//i;

/**
 * What of a URL may be shown, in any message, log, page or report: the scheme, the hosts with their ports, the database or the
 * path of a socket. Never what stands before the last `@`, nor the query; and of a text that can't be read for certain, nothing
 * but the scheme.
 */
export function shownUrl(text: string): string {
  const parts = FORM.exec(text.trim());
  const scheme = (parts?.[1] ?? /^([a-z+-]+):\/\//i.exec(text.trim())?.[1] ?? '').toLowerCase();
  const start = SHOWN_SCHEME.test(scheme) ? `${scheme}://` : '';
  if (parts === null || start === '' || !HOST.test(parts[3] ?? '')) {
    return `${start}${HIDDEN}`;
  }
  const [, , access, host = '', path = ''] = parts;
  const isShownPath = scheme === 'redis+unix' || /^\/\d{0,5}$/.test(path);
  const hosts = [host, ...nodesOf(parts[5])].join(',');
  return `${start}${access === undefined ? '' : `${HIDDEN}@`}${hosts}${isShownPath ? path : ''}`;
}

/** The other nodes of a Cluster, or Sentinels: they stand in the query, but are hosts as well. */
function nodesOf(query = ''): string[] {
  return new URLSearchParams(query).getAll('node').filter((node) => node !== '' && HOST.test(node));
}

/**
 * A value of which it is not known what it is: it may be a URL in the wrong place.
 *
 * @returns the value itself, or what of a URL may be shown
 */
export function shownValue(text: string): string {
  return /@|:\/\/|^[a-z+-]+:\//i.test(text) ? shownUrl(text) : text;
}

/** @throws ConfigurationError for what is no URL of Redis, or can't be read for certain; it holds nothing secret */
export function parseRedisUrl(text: string): UrlParts {
  const trimmed = text.trim();
  const scheme = /^([a-z0-9+.-]+):/i.exec(trimmed)?.[1]?.toLowerCase() ?? '';
  if (OTHER_SOCKETS.test(trimmed)) {
    throw new ConfigurationError(
      'the path of a socket is written redis+unix:///path/to/redis.sock?db=0, with a user as redis+unix://USER:PASSWORD@/path/to/redis.sock',
    );
  }
  if (!SCHEME.test(scheme) || !/^[^:]*:\/\//.test(trimmed)) {
    throw new ConfigurationError(`${shownUrl(trimmed)} is no URL of Redis: ${EXAMPLES}`);
  }
  const [, , access, host = '', path = '', query = ''] = FORM.exec(trimmed) ?? [];
  if (!FORM.test(trimmed) || /[\t\r\n]/.test(trimmed) || !HOST.test(host)) {
    throw new ConfigurationError(`${shownUrl(trimmed)} can't be read as a URL: ${ENCODE}; ${EXAMPLES}`);
  }
  if (access !== undefined && host === '' && scheme !== 'redis+unix') {
    throw new ConfigurationError(`${shownUrl(trimmed)} names no host behind its user and password: ${EXAMPLES}`);
  }
  const [username = '', ...password] = (access ?? '').split(':');
  return {
    scheme,
    host,
    path,
    username: decode(username, trimmed),
    password: decode(password.join(':'), trimmed),
    query: new URLSearchParams(query),
  };
}

function decode(part: string, text: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new ConfigurationError(
      `${shownUrl(text)}: a % in its user name or password is not followed by the number of a character: ${ENCODE}`,
    );
  }
}

/** @throws ConfigurationError for a path that is not percent-encoded UTF-8 */
export function decodePath(path: string, text: string): string {
  return decode(path, text);
}
