import type { PartitionCounts } from './partition-counts.js';
import type { Partitions } from './partitions.js';
import { UsedPartitions } from './used-partitions.js';
import type { Connection } from '../redis/connection.js';
import type { Keys } from '../redis/keys.js';
import { slotOf } from '../redis/slots.js';
import type { MasterProbe } from '../redis/master-probe.js';

interface Deps {
  readonly redis: Connection;
  readonly keys: Keys;
  readonly counts: PartitionCounts;
  readonly own: Partitions;
  readonly masters: MasterProbe;
}

/** The same, also while the master of a Cluster that holds the numbers does not answer: then as they were read last. */
export class RememberedPartitions extends UsedPartitions {
  #read: Partitions[] | undefined;

  constructor(private readonly deps: Deps) {
    super(deps.redis, deps.counts, deps.own);
  }

  /** Whether they were ever read. Until then they may be others than those that {@link read} names. */
  get areKnown(): boolean {
    return this.#read !== undefined;
  }

  override async read(): Promise<Partitions[]> {
    const { keys, own, masters } = this.deps;
    if ((await masters.faultOf(slotOf(keys.partitionCounts))) === undefined) {
      this.#read = await super.read();
    }
    return this.#read ?? [own];
  }
}
