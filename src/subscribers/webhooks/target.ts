import { BlockList, isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { TallyError } from '../../errors.js';

/** Where webhooks may lead. */
export interface TargetPolicy {
  /** Whether `http:` will do. @defaultValue false: only `https:` */
  readonly allowHttp: boolean;
  /** Addresses and networks (`10.0.0.0/8`) that are not public, and allowed all the same. @defaultValue none */
  readonly allowedNetworks: readonly string[];
}

export const networkSchema = z.union(
  [z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()],
  'must be IP addresses or networks, for example 10.1.0.0/16',
);

/** A webhook may not lead there. */
export class ForbiddenTargetError extends TallyError {
  override readonly name = 'ForbiddenTargetError';

  constructor(message: string) {
    super('FORBIDDEN_TARGET', message);
  }
}

const MAX_URL_LENGTH = 2_000;

/**
 * The URL of a target, as far as its text tells. Where its name leads is looked at when it is connected to, see
 * `createTargetAgent`.
 *
 * @throws ForbiddenTargetError
 */
export function checkTarget(text: string, policy: TargetPolicy): URL {
  if (text.length > MAX_URL_LENGTH || !URL.canParse(text)) {
    throw new ForbiddenTargetError(
      `must be a URL of up to ${MAX_URL_LENGTH} characters, e.g. https://example.com/hook`,
    );
  }
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && policy.allowHttp)) {
    throw new ForbiddenTargetError('must begin with https:; TALLY_WEBHOOK_ALLOW_HTTP=true allows http: too');
  }
  if (url.username !== '' || url.password !== '' || url.hash !== '') {
    throw new ForbiddenTargetError('must hold no user, password or fragment; a token is given beside it');
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0 && !guardOf(policy)(host)) {
    throw notPublic(host);
  }
  return url;
}

export function notPublic(where: string): ForbiddenTargetError {
  return new ForbiddenTargetError(
    `${where} is no public address; TALLY_WEBHOOK_ALLOW_NETWORKS allows networks that are not`,
  );
}

/** Which addresses may be connected to. */
export function guardOf({ allowedNetworks }: TargetPolicy): (address: string) => boolean {
  const allowed = new BlockList();
  for (const network of allowedNetworks) {
    const [address = '', bits] = network.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    allowed.addSubnet(address, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family);
  }
  return (address) => isPublic(address) || allowed.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** Of Azure: it lies among public addresses, and answers each machine about itself. */
const METADATA = new Set(['168.63.129.16']);

/** All that IANA has given out for IPv6. */
const GLOBAL_IPV6 = ipaddr.parseCIDR('2000::/3') as [ipaddr.IPv6, number];

/** Whether it can be an address of anybody in the Internet; an IPv4 address within one of IPv6 counts as what it is. */
function isPublic(text: string): boolean {
  if (!ipaddr.isValid(text)) {
    return false; // such as fe80::1%eth0
  }
  const address = ipaddr.process(text);
  const isGlobal = address instanceof ipaddr.IPv6 ? address.match(GLOBAL_IPV6) : !METADATA.has(address.toString());
  return isGlobal && address.range() === 'unicast';
}
