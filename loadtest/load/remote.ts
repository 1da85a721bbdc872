import { ConfigurationError } from '../../src/errors.js';
import { isLoopbackHost } from '../../src/producers/http/access/loopback.js';
import { describeTarget } from '../../src/redis/connection.js';

/** @throws ConfigurationError when the URL leads to another machine: a load there may be somebody's outage */
export function requireThisMachine(url: string): void {
  if (!isLoopbackHost(new URL(url).hostname)) {
    throw new ConfigurationError(
      `${describeTarget(url)} is on another machine, and this load may slow down whoever uses it: add --allow-remote if that is meant`,
    );
  }
}
