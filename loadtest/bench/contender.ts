import type { Load } from './workload.js';
import type { ProducerRole, WorkerRole } from './roles.js';

/** One side of the comparison: a way to apply many small updates. */
export interface Contender {
  /** The name in `--only` and in the JSON. */
  readonly name: string;
  readonly title: string;
  readonly load: Load;
  /** Each a process. They share the updates. */
  readonly producers: readonly ProducerRole[];
  /** Left out where nothing is queued. */
  readonly worker?: WorkerRole;
}

/** As {@link Contender}, but a program that is not Node. */
export interface Program {
  readonly name: string;
  readonly title: string;
  readonly program: 'redis-benchmark';
  readonly keys: number;
}
