import { pino } from 'pino';
import { connectPromptly } from '../../src/redis/connect.js';
import type { Connection } from '../../src/redis/connection.js';
import { startCluster } from '../support/topology/cluster.js';
import type { Cluster } from '../support/topology/cluster.js';
import type { ClusterNode } from '../support/topology/cluster-node.js';
import { slotOf } from '../../src/redis/slots.js';
import type { Shards } from './cells.js';
import { insist } from './insist.js';
import { mendSlots } from './mend-slots.js';

/** Tags of eight slots, on all three masters at the start. */
export const CLUSTER_SHARDS: Shards = ['{s0}', '{s1}', '{s2}', '{s3}', '{s4}', '{s5}', '{s6}', '{s7}'];

/** The Cluster of a run: three masters, perhaps with a replica each, whose append-only files have all that they acknowledged. */
export class FaultCluster {
  /** One change of masters or slots at a time: two at once can leave a slot whose keys nobody can tell true from stale. */
  #changing: Promise<boolean> | undefined;

  private constructor(readonly cluster: Cluster) {}

  static async start({ replicasPerMaster }: { replicasPerMaster: number }): Promise<FaultCluster> {
    const settings = ['--cluster-require-full-coverage', 'no'];
    return new FaultCluster(await startCluster({ masters: 3, replicasPerMaster, settings }));
  }

  /** Those of all nodes. */
  get urls(): string[] {
    return this.cluster.nodes.map(({ port }) => `redis://127.0.0.1:${port}`);
  }

  connect(connectionName: string, timeoutMs: number): Connection {
    return connectPromptly(this.cluster.url, connectionName, timeoutMs, pino({ level: 'silent' }));
  }

  /** The slots that the run uses for cells. */
  get slots(): number[] {
    return CLUSTER_SHARDS.map((shard) => slotOf(shard));
  }

  /** Changes masters or slots, unless that is under way. @returns whether it did */
  async change(act: () => Promise<boolean>): Promise<boolean> {
    if (this.#changing !== undefined) {
      return false;
    }
    this.#changing = act().finally(() => {
      this.#changing = undefined;
    });
    return this.#changing;
  }

  /** Masters that run, in a lasting order. */
  async masters(): Promise<[ClusterNode, ...ClusterNode[]]> {
    const masters = await this.cluster.masters();
    return masters.filter(({ isRunning }) => isRunning).sort((one, other) => one.port - other.port) as [ClusterNode];
  }

  /** Starts what is down, and ends what was begun with slots. */
  async restart(): Promise<void> {
    await this.#changing?.catch(() => undefined); // an act that fails is mended below
    await Promise.all(this.cluster.nodes.map((node) => node.start()));
    await this.cluster.untilHealthy(HEALTHY_MS);
    await insist(() => mendSlots(this.cluster));
    await this.cluster.untilHealthy(HEALTHY_MS);
  }

  stop(): Promise<void> {
    return this.cluster.stop();
  }
}

const HEALTHY_MS = 120_000;
