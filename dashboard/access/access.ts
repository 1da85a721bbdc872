import type { RequestHandler } from 'express';
import type { Connection } from '../../src/redis/connection.js';
import type { Keys } from '../../src/redis/keys.js';
import { refuseOtherSites } from '../other-sites.js';
import { attemptLimits } from './attempts.js';
import { identify } from './identify.js';
import { permit } from './permit.js';
import type { ProxyOptions } from './proxy.js';
import { Sessions } from './sessions.js';
import { nameOf, refuseAttempt, signInPages } from './sign-in.js';
import { UserStore } from './user-store.js';

interface Deps {
  readonly redis: Connection;
  readonly keys: Keys;
  readonly proxy: ProxyOptions | undefined;
}

/** What stands before everything in the dashboard, and what it takes to end it. */
export interface Access {
  readonly handlers: RequestHandler[];
  close(): void;
}

/** Lets those through who have signed in, as far as their role goes. */
export function createAccess({ redis, keys, proxy }: Deps): Access {
  const users = new UserStore(redis, keys);
  const sessions = new Sessions(redis, keys);
  const limits = attemptLimits(nameOf, refuseAttempt);
  return {
    handlers: [
      identify({ users, sessions, proxy }),
      refuseOtherSites,
      signInPages({ users, sessions, limits }),
      permit,
    ],
    close: () => {
      limits.close();
    },
  };
}
