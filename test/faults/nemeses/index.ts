import { cellNemeses } from './cells.js';
import { clockNemeses } from './clocks.js';
import type { Nemesis } from './nemesis.js';
import { networkNemeses } from './network.js';
import { operatorNemeses } from './operators.js';
import { producerNemeses } from './producers.js';
import { redisNemeses } from './redis.js';
import { removalNemeses } from './removals.js';
import { strangerNemeses } from './strangers.js';
import { subscriberNemeses } from './subscribers.js';
import { workerNemeses } from './workers.js';

export type { Nemesis } from './nemesis.js';

export const NEMESES: readonly Nemesis[] = [
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
