import type { Operation } from '../../src/operations/operation.js';
import type { Connection } from '../../src/redis/connection.js';
import { createApplier } from '../support/script.js';
import type { Applier } from '../support/script.js';
import { place } from '../support/tally.js';

export interface Setup extends Applier {
  readonly client: Connection;
  readonly key: (name: string) => string;
}

/** A place of the test's own, in the shared Redis or the one given, with an applier. */
export function setup(url?: string, operations: readonly Operation[] = []): Setup {
  const here = place(url);
  return { client: here.client, key: (name) => here.key(name), ...createApplier(here, { operations }) };
}
