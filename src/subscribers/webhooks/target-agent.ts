import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Agent } from 'undici';
import { guardOf, notPublic } from './target.js';
import type { TargetPolicy } from './target.js';

/** The one that is asked where a name leads. */
export type Resolve = typeof lookup;

/**
 * Connects to targets of webhooks. A name is resolved once for each connection, and what it resolves to is checked and then connected
 * to: whoever owns the name can't have another address checked than is connected to. A literal address is not resolved, so
 * `checkTarget` goes before each request.
 */
export function createTargetAgent(policy: TargetPolicy, timeoutMs: number, resolve: Resolve = lookup): Agent {
  const isAllowed = guardOf(policy);
  const guarded: LookupFunction = (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      const isRefused = error === null && !addresses.every(({ address }) => isAllowed(address));
      const [first = { address: '', family: 0 }] = error === null ? addresses : [];
      if (error !== null || isRefused) {
        // But not to where: names of the inside are no matter of others.
        callback(error ?? notPublic(`where ${hostname} leads`), '', 0);
      } else if (options.all === true) {
        callback(null, addresses);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };
  return new Agent({
    connect: { lookup: guarded, timeout: timeoutMs },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: MAX_RESPONSE_BYTES,
    pipelining: 1,
  });
}

/** Of an answer only the status counts; more than this is not read. */
const MAX_RESPONSE_BYTES = 64 * 1024;
