import { Layouts } from '../layout/layouts.js';
import type { Layout, PartitionCount } from '../layout/layout.js';
import { createKeys } from '../redis/keys.js';
import type { Namespace } from '../redis/keys.js';
import { slotOf } from '../redis/slots.js';
import type { Masters } from './masters.js';

export interface LayoutSettings extends Namespace {
  /** As this process is told to split queues. */
  readonly partitions: PartitionCount;
}

/** The layouts as the masters know them that could be reached. */
export function layoutsOf(masters: Masters, { partitions, ...names }: LayoutSettings): Layouts {
  const keys = createKeys(names);
  const holder = masters.masterOf(slotOf(keys.partitionCounts));
  const { isCluster, nodes } = masters;
  const [any] = nodes;
  if (any === undefined) {
    throw new Error('no master can be reached');
  }
  const fault = holder === undefined ? 'the master that knows them is unreachable' : undefined;
  const counts = { redis: (holder ?? any).redis, keys, masters: { faultOf: () => Promise.resolve(fault) } };
  return new Layouts(counts, { isCluster, prefix: names.prefix, partitions });
}

/** That of this process first, also when it was not announced yet; it alone while the master that knows the others is unreachable. */
export async function allLayouts(layouts: Layouts): Promise<Layout[]> {
  return [...new Set([layouts.configured, ...(await layouts.known())])];
}
