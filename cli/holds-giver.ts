import { setTimeout as wait } from 'node:timers/promises';
import { BackpressureError } from '../src/index.js';
import type { Outcome, Producer, Submission } from '../src/index.js';
import { MAX_EXPIRED_AT_ONCE } from '../src/operations/reservations.js';
import { cellName } from '../src/redis/cell.js';
import type { Cell } from '../src/redis/cell.js';
import { number } from './words.js';

const TIMEOUT_MS = 20_000;
const PAUSE_MS = 200;

/** Updates under way at a time: 2,000 reservations, which keep Redis busy for some tens of ms. */
const AT_ONCE = 20;

interface Expired {
  readonly released: number;
  readonly available: number;
}

/** What came of all that was sent; of what still waits, the number of reservations. */
interface Done {
  released: number;
  available: number;
  waiting: number;
}

type Sender = Pick<Producer, 'inventory' | 'close'>;

/** Gives back what reservations hold that are over, however many, as workers do it: by jobs, which decide by Redis' time once more. */
export class HoldsGiver {
  #producer: Sender | undefined;
  #hasWorkers = true;
  #isStuck = false;

  constructor(private readonly open: () => Sender) {}

  /** Whether something could not even be put on the queue. */
  get isStuck(): boolean {
    return this.#isStuck;
  }

  async close(): Promise<void> {
    await this.#producer?.close();
  }

  /** @param names of reservations of this stock, some at a time. @returns what came of it, in words */
  async giveBack(stock: Cell, names: AsyncIterable<readonly string[]>): Promise<string> {
    const done: Done = { released: 0, available: 0, waiting: 0 };
    const left = new Set<string>(); // a name may come twice
    for await (const some of names) {
      some.forEach((name) => left.add(name));
      if (left.size >= AT_ONCE * MAX_EXPIRED_AT_ONCE) {
        await this.#send(stock, [...left], done);
        left.clear();
      }
      if (this.#isStuck) {
        break;
      }
    }
    await this.#send(stock, [...left], done);
    return wordsOf(done, this.#isStuck);
  }

  async #send(stock: Cell, names: readonly string[], done: Done): Promise<void> {
    const updates = Array.from({ length: Math.ceil(names.length / MAX_EXPIRED_AT_ONCE) }, (_, place) =>
      names.slice(place * MAX_EXPIRED_AT_ONCE, (place + 1) * MAX_EXPIRED_AT_ONCE),
    );
    const sent = await Promise.all(updates.map((reservations) => this.#submit({ ...cellName(stock), reservations })));
    const ended = await Promise.all(sent.map((submission) => this.#outcomeOf(submission)));
    for (const [place, outcome] of ended.entries()) {
      if (outcome?.status === 'applied') {
        done.released += outcome.result.released;
        done.available = Math.max(done.available, outcome.result.available);
      } else {
        done.waiting += updates[place]?.length ?? 0;
      }
    }
  }

  /** Waits while too much waits. @returns undefined when nothing of that is taken */
  async #submit(params: Cell & { reservations: string[] }): Promise<Submission<Expired> | undefined> {
    this.#producer ??= this.open();
    for (const untilMs = performance.now() + TIMEOUT_MS; ;) {
      try {
        return await this.#producer.inventory.expire(params);
      } catch (error) {
        if (!(error instanceof BackpressureError)) {
          throw error;
        }
        if (performance.now() > untilMs) {
          this.#isStuck = true;
          return undefined;
        }
        await wait(PAUSE_MS);
      }
    }
  }

  /** Where no worker has taken what came before, nobody waits for what comes after. */
  async #outcomeOf(submission: Submission<Expired> | undefined): Promise<Outcome<Expired> | undefined> {
    const outcome = await submission?.outcome({ timeoutMs: this.#hasWorkers ? TIMEOUT_MS : 1 }).catch(() => undefined);
    this.#hasWorkers &&= outcome !== undefined;
    return outcome;
  }
}

function wordsOf({ released, available, waiting }: Done, isStuck: boolean): string {
  const words = [
    ...(released > 0 || waiting === 0 ? [`gave back ${released}; ${available} available`] : []),
    ...(waiting > 0 ? [`what ${number(waiting)} more hold is given back as soon as a worker takes it`] : []),
    ...(isStuck ? ['too much waits for workers to put the rest on the queue: once it is less, check again'] : []),
  ];
  return words.join('; ');
}
