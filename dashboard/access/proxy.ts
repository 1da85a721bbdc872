import type { Request } from 'express';
import proxyAddr from 'proxy-addr';
import { z } from 'zod';
import { ROLES } from './signed-in.js';
import type { SignedIn } from './signed-in.js';

/** A proxy in front of the dashboard, whose word is taken. */
export interface ProxyOptions {
  /**
   * Addresses of proxies, or networks of them (`10.0.0.0/8`). What requests from there say in `X-Forwarded-For` and
   * `X-Forwarded-Proto` is believed.
   */
  addresses: readonly string[];
  /** Header in which the proxies say who has signed in with them. @defaultValue none: people sign in here */
  userHeader?: string | undefined;
  /** Header in which they say `viewer` or `operator`; needed beside `userHeader`. @defaultValue none */
  roleHeader?: string | undefined;
}

const headerName = z.string().regex(/^[A-Za-z0-9-]+$/, 'must be the name of a header, for example X-Forwarded-User');

export const proxySchema = z
  .strictObject({
    addresses: z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])).min(1),
    userHeader: headerName.optional(),
    roleHeader: headerName.optional(),
  })
  .refine(
    ({ userHeader, roleHeader }) => (userHeader === undefined) === (roleHeader === undefined),
    'give userHeader and roleHeader, or neither',
  );

const MAX_NAME_LENGTH = 200;

/** Characters that do things to a terminal. */
const CONTROL = /\p{Cc}/u;

/** Whether this is the address of one of these proxies. */
export function trustOf({ addresses }: ProxyOptions): (address: string) => boolean {
  const trust = proxyAddr.compile([...addresses]);
  return (address) => trust(address, 0);
}

/** Who the proxy says that a request comes from; undefined when it does not come from the proxy, or says nothing. */
type WordOfProxy = (request: Request) => SignedIn | 'unclear' | undefined;

export function wordOfProxy(options: ProxyOptions): WordOfProxy {
  const { userHeader, roleHeader } = options;
  const isProxy = trustOf(options);
  return (request) => {
    const address = request.socket.remoteAddress;
    if (userHeader === undefined || roleHeader === undefined || address === undefined || !isProxy(address)) {
      return undefined;
    }
    const names = valuesOf(request, userHeader);
    const roles = valuesOf(request, roleHeader);
    if (names.length === 0) {
      return undefined;
    }
    const [name = '', role] = [names[0], ROLES.find((known) => known === roles[0])];
    // A second value is one that the proxy let through from the caller.
    const isClear = names.length === 1 && roles.length === 1 && role !== undefined && isName(name);
    return isClear ? { name, role, by: 'proxy' } : 'unclear';
  };
}

/** Node reads headers as Latin-1; proxies write UTF-8. */
function valuesOf({ headersDistinct }: Request, name: string): string[] {
  return (headersDistinct[name.toLowerCase()] ?? []).map((value) => Buffer.from(value, 'latin1').toString('utf8'));
}

function isName(name: string): boolean {
  return name !== '' && name.length <= MAX_NAME_LENGTH && !CONTROL.test(name);
}
