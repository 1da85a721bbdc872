import { isRefusalCode, REFUSALS, refusalOf, withoutUser } from './refusal.js';
import type { ServerOptions } from './target.js';

/** How a server was tried. */
export interface Attempt {
  readonly tls?: ServerOptions['tls'];
  /** Whether a Sentinel was meant, which has users of its own. @defaultValue false */
  readonly isSentinel?: boolean;
  /** Whether it had let this connection in before. @defaultValue false */
  readonly wasReady?: boolean;
}

/** Several addresses of one name may be unreachable, each for a reason of its own. */
function messageOf(error: Error): string {
  const { errors = [] } = error as Partial<AggregateError>;
  return error.message || (errors as Error[]).map(({ message }) => message).join(', ') || String(error);
}

/** Why a connection failed, and which setting to look at. */
export function explainFault(error: Error, attempt: Attempt = {}): string {
  const refusal = refusalOf(error);
  const message = refusal?.message ?? withoutUser(messageOf(error));
  if (message.startsWith('NOAUTH')) {
    return `NOAUTH: it asks for a user and a password; ${whereOf(attempt)}`; // Redis goes on about HELLO
  }
  if (message.startsWith('WRONGPASS')) {
    return `${message.replace(/\.$/, '')}; ${whereOf(attempt)}`;
  }
  if (ENDED.test(message) && attempt.wasReady !== true) {
    return `it ended the connection; ${adviceForEnd(attempt)}`; // how, differs from time to time
  }
  if (refusal !== undefined && isRefusalCode(refusal.code)) {
    return `${message.replace(/\.$/, '')}; ${REFUSALS[refusal.code]}`;
  }
  const [, advice] = TLS_FAULTS.find(([sign]) => sign.test(message)) ?? [];
  return advice === undefined ? message : `${message}; ${advice}`;
}

/** Why the server of a connection was left, in words that name what it would say to a write. */
export function explainRefusal({ message }: Error): string {
  const said = message.startsWith('READONLY') ? '' : ` (${message})`;
  return `READONLY: the server is a replica now, perhaps after a failover${said}; connecting again, to find its master`;
}

function whereOf({ isSentinel = false }: Attempt): string {
  return isSentinel
    ? 'Sentinels have users of their own: sentinelUsername and sentinelPassword in REDIS_URL'
    : 'REDIS_URL names them, as in redis://USER:PASSWORD@host:port';
}

const SHOW_CERTIFICATE =
  'it asks for a certificate: set TALLY_REDIS_CERT_FILE and TALLY_REDIS_KEY_FILE, in code tls: { cert, key }';

/** Words of OpenSSL and of Node, with what to do. */
const TLS_FAULTS: readonly (readonly [RegExp, string])[] = [
  [
    /self-signed certificate|unable to (verify|get) .*(certificate|issuer)/,
    'set TALLY_REDIS_CA_FILE to the certificate of the authority that signed it, in code tls: { ca }',
  ],
  [/certificate required|handshake failure/, SHOW_CERTIFICATE],
  [
    /alert (unknown ca|bad certificate|certificate unknown)/,
    'it does not accept the certificate of TALLY_REDIS_CERT_FILE, in code tls: { cert }',
  ],
  [/altnames/, 'REDIS_URL, and nodes of a Cluster to each other, must name a host as its certificate does'],
  [/wrong version number|packet length too long/, 'this port does not speak TLS: write redis in place of rediss'],
];

/** What is left to see where Redis ends a connection before its reason for it has arrived. */
const ENDED = /ECONNRESET|EPIPE|disconnected before secure TLS|^Connection is closed/;

function adviceForEnd({ tls }: Attempt): string {
  if (tls === undefined) {
    return 'if this port speaks TLS, write rediss in place of redis; else it may have all the connections that maxclients allows';
  }
  return (tls as { cert?: unknown }).cert === undefined
    ? `perhaps ${SHOW_CERTIFICATE}, or it has all the connections that maxclients allows`
    : 'perhaps it does not accept the certificate of TALLY_REDIS_CERT_FILE, in code tls: { cert }';
}
