import { cellNemeses } from './cells.js';
import { clockNemeses, memberClockNemeses } from './clocks.js';
import { failoverNemeses, masterNemeses, slotNemeses } from './masters.js';
import type { Topology } from '../world.js';
import type { Nemesis } from './nemesis.js';
import { anyNetworkNemeses, networkNemeses } from './network.js';
import { operatorNemeses } from './operators.js';
import { producerNemeses } from './producers.js';
import { redisNemeses } from './redis.js';
import { removalNemeses } from './removals.js';
import { strangerNemeses } from './strangers.js';
import { subscriberNemeses } from './subscribers.js';
import { workerNemeses } from './workers.js';

export type { Nemesis } from './nemesis.js';

/** Those that strike at this. What names one server, or its keys in one place, is for one server. */
export function nemesesOf(topology: Topology): readonly Nemesis[] {
  switch (topology) {
    case 'server':
      return ON_ONE_SERVER;
    case 'cluster':
      return [...ON_A_CLUSTER, ...slotNemeses];
    case 'cluster-with-replicas':
      return [...ON_A_CLUSTER, ...failoverNemeses];
  }
}

const ON_ONE_SERVER: readonly Nemesis[] = [
  ...workerNemeses,
  ...networkNemeses,
  ...redisNemeses,
  ...clockNemeses,
  ...cellNemeses,
  ...operatorNemeses,
  ...removalNemeses,
  ...strangerNemeses,
  ...producerNemeses,
  ...subscriberNemeses,
];

const ON_A_CLUSTER: readonly Nemesis[] = [
  ...workerNemeses,
  ...anyNetworkNemeses,
  ...masterNemeses,
  ...memberClockNemeses,
  ...cellNemeses,
  ...operatorNemeses,
  ...producerNemeses,
];
