import type { RequestHandler } from 'express';
import type { Store } from '../../src/layout/store.js';
import { refuseOtherSites } from './cross-site.js';
import { attemptLimits } from './attempts.js';
import { identify } from './identify.js';
import { requireRole } from './require-role.js';
import type { ProxyOptions } from './proxy.js';
import { CachedUsers } from './cached-users.js';
import { Sessions } from './sessions.js';
import { nameOf, refuseAttempt, signInPages } from './sign-in.js';
import { UserStore } from './user-store.js';

interface AccessControlOptions extends Pick<Store, 'redis' | 'keys' | 'masters'> {
  readonly proxy: ProxyOptions | undefined;
  readonly isClosed: () => boolean;
}

/** What stands before everything in the dashboard, and what it takes to end it. */
export interface AccessControl {
  readonly handlers: RequestHandler[];
  close(): void;
}

/** Lets those through who have signed in, as far as their role goes. */
export function createAccessControl(options: AccessControlOptions): AccessControl {
  const { redis, keys, masters, proxy, isClosed } = options;
  const users = new CachedUsers({ redis, store: new UserStore(redis, keys), keys, masters });
  const sessions = new Sessions(redis, keys, masters);
  const limits = attemptLimits(nameOf, refuseAttempt);
  return {
    handlers: [
      identify({ users, sessions, proxy, isClosed }),
      refuseOtherSites,
      signInPages({ users, sessions, limits }),
      requireRole,
    ],
    close: () => {
      users.close();
      limits.close();
    },
  };
}
