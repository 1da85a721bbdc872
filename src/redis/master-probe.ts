import type { Redis } from 'ioredis';
import { ClusterConnection } from './cluster-connection.js';
import type { Connection } from './connection.js';
import { SLOTS, tagOf } from './slots.js';
import { valueWithin, withinTime } from '../lib/timeouts.js';

/** What a master is asked for that did not answer: one that runs says at once why it refuses. */
const REASON_TIMEOUT_MS = 300;

/** Refused by a master that serves nothing at the moment. Any other reply comes from one that does. */
const SERVES_NOTHING = /^(CLUSTERDOWN|LOADING|MASTERDOWN) /;

/** The masters of a Cluster, as they were when they were asked. */
export interface MastersSeen {
  readonly answering: readonly Redis[];
  /** What is wrong with each of the others, in words. */
  readonly faults: readonly string[];
}

interface MasterProbeOptions {
  readonly redis: Connection;
  /** First part of BullMQ's keys: under it, everyone who looks at queues may ask for a key. */
  readonly prefix: string;
  /** How long a master may take before it counts as one that does not answer. */
  readonly patienceMs: number;
}

/**
 * Asks masters of a Cluster whether they answer, before anything waits for one that does not: the connection sends a
 * command again and again for as long as it takes. One server is all or nothing: nobody is asked, commands tell.
 */
export class MasterProbe {
  /** By address: what is under way. As long as a question has no answer no other is sent, and what is known is known at once. */
  readonly #faults = new Map<string, Promise<string | undefined>>();

  constructor(private readonly options: MasterProbeOptions) {}

  /** What is wrong with the master of a slot, in words for people; undefined when it answers. */
  async faultOf(slot: number): Promise<string | undefined> {
    const { redis } = this.options;
    if (!(redis instanceof ClusterConnection)) {
      return undefined;
    }
    const owner = redis.slots[slot]?.[0] ?? redis.address;
    const known = this.#faults.get(owner);
    if (known !== undefined) {
      return known;
    }
    const fault = this.#ask(redis, owner, slot);
    this.#faults.set(owner, fault);
    return fault;
  }

  /** All masters that own slots. */
  async look(): Promise<MastersSeen> {
    const { redis } = this.options;
    if (!(redis instanceof ClusterConnection)) {
      return { answering: redis.masters(), faults: [] };
    }
    const slots = firstSlots(redis);
    const faults = await Promise.all(slots.map((slot) => this.faultOf(slot)));
    return {
      answering: slots.flatMap((slot, index) => (faults[index] === undefined ? (redis.masterOf(slot) ?? []) : [])),
      faults: faults.flatMap((fault) => fault ?? []),
    };
  }

  async #ask(redis: ClusterConnection, owner: string, slot: number): Promise<string | undefined> {
    const key = `${this.options.prefix}:{${tagOf(slot)}}`;
    const answer = redis.exists(key).then(
      () => true,
      (error: unknown) => error instanceof Error && error.name === 'ReplyError' && !SERVES_NOTHING.test(error.message),
    );
    void answer.then(() => this.#faults.delete(owner));
    const answers = (await withinTime(answer, this.options.patienceMs)) && (await answer);
    return answers ? undefined : faultWords(owner, await refusalOf(redis.masterOf(slot), key));
  }
}

/** One slot of each master. */
function firstSlots({ slots }: ClusterConnection): number[] {
  const first = new Map<string | undefined, number>();
  for (let slot = SLOTS - 1; slot >= 0; slot -= 1) {
    first.set(slots[slot]?.[0], slot);
  }
  return [...first.values()];
}

/** What a master itself says that the Cluster gets no answer from. */
async function refusalOf(master: Redis | undefined, key: string): Promise<string | undefined> {
  const asked = master?.exists(key).then(
    () => undefined,
    (error: unknown) => (error as Error).message,
  );
  return asked && valueWithin(asked, REASON_TIMEOUT_MS, undefined);
}

function faultWords(owner: string, refusal: string | undefined): string {
  return refusal !== undefined && SERVES_NOTHING.test(refusal)
    ? `Redis master ${owner} refuses all commands (${refusal})`
    : `Redis master ${owner} does not answer`;
}
