import type { Update } from '../../src/index.js';
import { MAX_SEED } from '../load/random.js';
import { DEFAULTS } from '../load/scenarios.js';
import { Traffic } from '../load/traffic.js';
import { keyName, MIX_CELLS, STOCK } from './workload.js';
import type { Increments, Limit, Submitted } from './workload.js';

/** Draws updates up to a limit. All sides of a load draw the same way, as they submit. */
export class Draw<Drawn> {
  #left: number;
  #total = 0;
  #updates = 0;

  /** @param limit its time begins now */
  constructor(
    private readonly one: () => { readonly drawn: Drawn; readonly by: number },
    { updates, ms }: Limit,
  ) {
    this.#left = updates;
    if (ms !== undefined) {
      setTimeout(() => {
        this.#left = 0;
      }, ms).unref();
    }
  }

  get isOver(): boolean {
    return this.#left <= 0;
  }

  /** The number of the next update, from 0. */
  get number(): number {
    return this.#updates;
  }

  next(): Drawn {
    const { drawn, by } = this.one();
    this.#left -= 1;
    this.#updates += 1;
    this.#total += by;
    return drawn;
  }

  /** Fewer when it is nearly over. */
  many(count: number): Drawn[] {
    return Array.from({ length: Math.min(count, Math.max(0, this.#left)) }, () => this.next());
  }

  get submitted(): Submitted {
    return { updates: this.#updates, total: this.#total };
  }
}

export interface Increment {
  readonly key: string;
  readonly by: number;
}

export function drawIncrements({ keys, maxBy }: Increments, limit: Limit): Draw<Increment> {
  return new Draw(() => {
    const by = maxBy === 1 ? 1 : 1 + Math.floor(Math.random() * maxBy);
    return { drawn: { key: keyName(Math.floor(Math.random() * keys)), by }, by };
  }, limit);
}

/** Draws what `tally load` without flags submits. */
export function drawMix(limit: Limit): Draw<Update> {
  const traffic = new Traffic(
    {
      ...DEFAULTS,
      taking: { ...DEFAULTS.taking, stock: STOCK },
      updateLimit: Number.POSITIVE_INFINITY,
      seed: createSeed(),
      runId: `bench-${process.pid}-${createSeed()}`,
    },
    MIX_CELLS,
  );
  return new Draw(() => {
    const event = traffic.next();
    if (event === undefined) {
      throw new Error('the traffic of the mix has ended');
    }
    return { drawn: event.update, by: event.changes.reduce((sum, { by }) => sum + by, 0) };
  }, limit);
}

function createSeed(): number {
  return 1 + Math.floor(Math.random() * (MAX_SEED - 1));
}
