import { setTimeout as wait } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { ValidationError } from '../../src/index.js';
import type { Outcome, Producer } from '../../src/index.js';
import type { Journal } from './journal.js';

export interface Order {
  readonly id: string;
  readonly items: { key: string; quantity: number }[];
}

/** Before the id of an order, the idempotency key of its update. */
const KEY = 'order-';

/** The order that an update was submitted for; undefined for those of others. */
export function orderIdOf(idempotencyKey: string | undefined): string | undefined {
  return idempotencyKey?.startsWith(KEY) ? idempotencyKey.slice(KEY.length) : undefined;
}

/** What became of an order: `applied` when its goods were taken. */
type End = Pick<Outcome, 'status'> & { readonly reason?: string };

export type Line = { readonly order: Order } | ({ readonly id: string } & End);

/** Orders that are noted first, then submitted, until they have an end. */
export class Orders {
  readonly #orders = new Map<string, Order>();
  readonly #ends = new Map<string, End>();

  constructor(
    private readonly journal: Journal<Line>,
    private readonly producer: Producer,
  ) {
    journal.entries.forEach((line) => {
      this.#know(line);
    });
  }

  /** Submits what has no end yet: it may have been submitted before, which its idempotency key makes safe. */
  resume(): void {
    for (const [id, order] of this.#orders) {
      if (!this.#ends.has(id)) {
        void this.#submit(order);
      }
    }
  }

  /** @returns false when the id is that of another order */
  place(order: Order): boolean {
    const known = this.#orders.get(order.id);
    if (known === undefined) {
      this.#note({ order });
      void this.#submit(order);
    }
    return known === undefined || isDeepStrictEqual(known, order);
  }

  /** Told at least once, so it may be known; what failed may have been retried since. */
  ended(id: string, { status, reason }: { readonly status: Outcome['status']; readonly reason?: string }): void {
    const known = this.#ends.get(id)?.status;
    if (this.#orders.has(id) && known !== 'applied' && known !== status) {
      this.#note({ id, status, ...(reason !== undefined && { reason }) });
    }
  }

  find(id: string): object | undefined {
    const order = this.#orders.get(id);
    return order && { ...order, ...(this.#ends.get(id) ?? { status: 'accepted' }) };
  }

  async #submit({ id, items }: Order): Promise<void> {
    const update = { operation: 'inventory.takeAll', params: { items } } as const;
    for (;;) {
      try {
        const submission = await this.producer.submit(update, { idempotencyKey: `${KEY}${id}` });
        if (submission.isRepeat) {
          this.ended(id, await submission.outcome()); // known already; its event may be gone
        }
        return;
      } catch (error) {
        if (error instanceof ValidationError) {
          this.ended(id, { status: 'failed', reason: error.message });
          return;
        }
        await wait(500); // Redis is away, or full: the same again, until it has it
      }
    }
  }

  #note(line: Line): void {
    this.journal.add(line);
    this.#know(line);
  }

  #know(line: Line): void {
    if ('order' in line) {
      this.#orders.set(line.order.id, line.order);
    } else {
      const { id, ...end } = line;
      this.#ends.set(id, end);
    }
  }
}
