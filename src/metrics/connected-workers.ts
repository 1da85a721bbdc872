import type { Redis } from 'ioredis';
import { WORKER_NAME_SEPARATOR, workerConnectionName } from '../bullmq/worker-names.js';
import type { Partition } from '../layout/partitions.js';
import { readClients } from '../redis/client-list.js';
import type { ConnectedClient } from '../redis/client-list.js';

/** What Tally's own workers call themselves, by which they are known from those of other programs. */
export const TALLY_WORKER = 'tally';

/** Knows which server holds a slot. */
interface MasterOfSlot {
  masterOf(slot: number): Redis | undefined;
}

/** Who is connected to masters: one reading for all queues. */
export class ConnectedWorkers {
  private constructor(
    private readonly redis: MasterOfSlot,
    /** By the names that they go by. */
    private readonly clients: ReadonlyMap<Redis | undefined, ReadonlyMap<string, readonly ConnectedClient[]>>,
  ) {}

  /** @param masters those that are asked, of all that the connection knows */
  static async read(redis: MasterOfSlot, masters: readonly Redis[]): Promise<ConnectedWorkers> {
    const lists = masters.map(async (master) => [master, byName(await readClients(master))] as const);
    return new ConnectedWorkers(redis, new Map(await Promise.all(lists)));
  }

  /** A queue's workers: in a Cluster those on its master, since nobody takes a job elsewhere. */
  of(queue: string, partition: Partition): readonly ConnectedClient[] {
    return this.#named(workerConnectionName({ prefix: partition.prefix, queue }), partition);
  }

  /** Those that are not Tally's own: what they take from the queue is not applied. */
  othersOf(queue: string, partition: Partition): readonly ConnectedClient[] {
    const { prefix } = partition;
    const own = new Set(this.#named(workerConnectionName({ prefix, queue }, TALLY_WORKER), partition));
    return this.of(queue, partition).filter((client) => !own.has(client));
  }

  #named(name: string, { slot }: Partition): readonly ConnectedClient[] {
    return this.clients.get(this.redis.masterOf(slot))?.get(name) ?? [];
  }
}

function byName(clients: readonly ConnectedClient[]): Map<string, ConnectedClient[]> {
  const named = new Map<string, ConnectedClient[]>();
  for (const client of clients) {
    const { name = '' } = client;
    const ends = [...name.matchAll(new RegExp(WORKER_NAME_SEPARATOR, 'g'))].map(({ index }) => index);
    for (const end of [name.length, ...ends]) {
      const known = name.slice(0, end);
      named.set(known, [...(named.get(known) ?? []), client]);
    }
  }
  return named;
}
