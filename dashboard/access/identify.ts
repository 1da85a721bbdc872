import type { Request, RequestHandler } from 'express';
import { isLoopbackAddress, isLoopbackHost } from '../../src/web/loopback.js';
import { HttpError } from '../errors.js';
import { wordOfProxy } from './proxy.js';
import type { ProxyOptions } from './proxy.js';
import type { Sessions } from './sessions.js';
import { noteSignedIn } from './signed-in.js';
import type { SignedIn } from './signed-in.js';
import type { KnownUsers } from './user-store.js';

/** By what people are known. */
interface IdentitySources {
  readonly users: KnownUsers;
  readonly sessions: Sessions;
  readonly proxy: ProxyOptions | undefined;
  /** Whether people are asked also while there are no users. */
  readonly isClosed: () => boolean;
}

const THIS_MACHINE: SignedIn = { name: 'this machine', role: 'operator', by: 'nobody-asked' };

/**
 * Finds out who a request comes from: by the word of the proxy, or by its session. While there are no users and no
 * proxy, everyone on this machine is an operator.
 *
 * Once there were users, people are asked until the process ends: whoever removes the last one does not mean to open
 * the dashboard.
 */
export function identify({ users, sessions, proxy, isClosed }: IdentitySources): RequestHandler {
  const signedInByProxy = proxy && wordOfProxy(proxy);
  let asksPeople = proxy !== undefined;
  return async (request, response, next) => {
    const byProxy = signedInByProxy?.(request);
    if (byProxy === 'unclear') {
      throw new HttpError(403, 'PROXY_UNCLEAR', 'the proxy has to name one user and one role, viewer or operator');
    }
    if (byProxy !== undefined) {
      noteSignedIn(response, byProxy);
      next();
      return;
    }
    asksPeople ||= isClosed() || (await users.count()) > 0;
    if (!asksPeople && isLoopbackAddress(request.socket.localAddress)) {
      refuseOtherHosts(request);
      noteSignedIn(response, THIS_MACHINE);
      next();
      return;
    }
    const signedIn = await sessions.read(request, response);
    const user = signedIn && (await users.find(signedIn.name));
    // The version is another one when the role or the password has changed since.
    if (user !== undefined && user.version === signedIn?.version) {
      noteSignedIn(response, { name: user.name, role: user.role, by: 'password' });
    }
    next();
  };
}

/** A page whose own name was made to lead here would else be an operator. */
function refuseOtherHosts({ headers }: Request): void {
  if (!isLoopbackHost(headers.host)) {
    throw new HttpError(
      421,
      'OTHER_HOST',
      'without users the dashboard answers only to localhost, 127.0.0.1 and [::1]: use one of them in the URL, or ' +
        'make a user with tally users add',
    );
  }
}
