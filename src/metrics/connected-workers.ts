import type { Redis } from 'ioredis';
import type { Partition } from '../layout/partitions.js';

/** Stands between the name of a queue and that of a worker which has one. */
export const WORKER_NAME_SEPARATOR = ':w:';

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
    /** Lines of CLIENT LIST, by the names that they go by. */
    private readonly clients: ReadonlyMap<Redis | undefined, ReadonlyMap<string, readonly string[]>>,
  ) {}

  /** @param masters those that are asked, of all that the connection knows */
  static async read(redis: MasterOfSlot, masters: readonly Redis[]): Promise<ConnectedWorkers> {
    const lists = masters.map(async (master) => {
      const list = (await master.client('LIST')) as string;
      return [master, byName(list.split('\n'))] as const;
    });
    return new ConnectedWorkers(redis, new Map(await Promise.all(lists)));
  }

  /** The lines of a queue's workers: in a Cluster of those on its master, since nobody takes a job elsewhere. */
  of(queue: string, partition: Partition): readonly string[] {
    return this.#named(nameOf(queue, partition), partition);
  }

  /** The lines of those that are not Tally's own: what they take from the queue is not applied. */
  othersOf(queue: string, partition: Partition): readonly string[] {
    const own = new Set(this.#named(nameOf(queue, partition) + WORKER_NAME_SEPARATOR + TALLY_WORKER, partition));
    return this.of(queue, partition).filter((line) => !own.has(line));
  }

  #named(name: string, { slot }: Partition): readonly string[] {
    return this.clients.get(this.redis.masterOf(slot))?.get(name) ?? [];
  }
}

/** So BullMQ's workers name their connections. */
function nameOf(queue: string, { prefix }: Partition): string {
  return `${prefix}:${Buffer.from(queue).toString('base64')}`;
}

/** Where the client of a line of CLIENT LIST connects from. */
export function addressOf(line: string): string {
  return / addr=(\S+)/.exec(line)?.[1] ?? 'an unknown address';
}

function byName(lines: readonly string[]): Map<string, string[]> {
  const clients = new Map<string, string[]>();
  for (const line of lines) {
    const [, name = ''] = / name=(\S+)/.exec(line) ?? [];
    const ends = [...name.matchAll(new RegExp(WORKER_NAME_SEPARATOR, 'g'))].map(({ index }) => index);
    for (const end of [name.length, ...ends]) {
      const known = name.slice(0, end);
      clients.set(known, [...(clients.get(known) ?? []), line]);
    }
  }
  return clients;
}
