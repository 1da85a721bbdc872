import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';

const KEYS = 20;
const PAUSE_MS = 100;
const TIMEOUT_MS = 10_000;

const acceptedSchema = z.object({ updates: z.array(z.object({ id: z.string() })).min(1) });
const problemSchema = z.object({ code: z.string(), redisCode: z.string().optional() });

const KINDS = [
  { operation: 'counter.increment', name: 'n', amount: 'by' },
  { operation: 'inventory.restock', name: 'stock', amount: 'quantity' },
] as const;

export const COUNTERS = Array.from({ length: KEYS }, (_, index) => `drill:n:${index}`);

/**
 * Services that send updates, one after the other, each with an idempotency key, and send it again until it is accepted: so it is
 * known of each whether it was.
 */
export class Callers {
  readonly #accepted = new Map<string, number>();
  readonly #ids = new Set<string>();
  /** How often each code was answered. */
  readonly #refused = new Map<string, number>();
  #secret = '';
  #isStopped = true;
  #forsakes = false;
  #loops: Promise<void>[] = [];

  constructor(
    private readonly origin: string,
    private readonly count: number,
  ) {}

  start(secret: string): void {
    this.#secret = secret;
    this.#isStopped = false;
    this.#loops = Array.from({ length: this.count }, () => this.#loop());
  }

  /** Each goes on until what it sends is accepted. @param forsake what is not accepted is given up: nobody was told that it was */
  async stop(forsake = false): Promise<void> {
    this.#isStopped = true;
    this.#forsakes = forsake;
    await Promise.all(this.#loops);
    this.#forsakes = false;
  }

  /** Goes on with another API key. */
  useKey(secret: string): void {
    this.#secret = secret;
  }

  /** By key, how many updates were accepted. */
  get accepted(): ReadonlyMap<string, number> {
    return this.#accepted;
  }

  /** Of those that were accepted when they were sent for the first time. */
  get acceptedIds(): ReadonlySet<string> {
    return this.#ids;
  }

  /** Begins to count anew. */
  forget(): void {
    this.#accepted.clear();
    this.#ids.clear();
  }

  /** What they were answered while they were refused: how often each code, Redis' own if there is one. Then none. */
  takeRefusals(): Map<string, number> {
    const refused = new Map(this.#refused);
    this.#refused.clear();
    return refused;
  }

  async #loop(): Promise<void> {
    while (!this.#isStopped) {
      const { operation, name, amount } = KINDS[Math.floor(Math.random() * KINDS.length)] ?? KINDS[0];
      const key = `drill:${name}:${Math.floor(Math.random() * KEYS)}`;
      const update = { operation, params: { key, [amount]: 1 }, idempotencyKey: randomUUID() };
      const accepted = await this.#insist(JSON.stringify(update));
      if (accepted !== undefined) {
        this.#accepted.set(key, (this.#accepted.get(key) ?? 0) + 1);
      }
      if (accepted?.tries === 1) {
        this.#ids.add(accepted.id); // one that was sent again may have been accepted before, under another id
      }
      await wait(PAUSE_MS);
    }
  }

  async #insist(body: string): Promise<{ id: string; tries: number } | undefined> {
    for (let tries = 1; ; tries += 1) {
      const answer = await this.#send(body);
      if ('id' in answer) {
        return { id: answer.id, tries };
      }
      this.#refused.set(answer.code, (this.#refused.get(answer.code) ?? 0) + 1);
      if (this.#isStopped && this.#forsakes) {
        return undefined;
      }
      await wait(PAUSE_MS * 5);
    }
  }

  async #send(body: string): Promise<{ id: string } | { code: string }> {
    try {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${this.#secret}` };
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const response = await fetch(`${this.origin}/v1/updates`, { method: 'POST', headers, body, signal });
      const answer: unknown = await response.json();
      if (response.ok) {
        return { id: acceptedSchema.parse(answer).updates[0]?.id ?? '' };
      }
      const { code, redisCode } = problemSchema.parse(answer);
      return { code: redisCode ?? code };
    } catch {
      return { code: 'no answer' };
    }
  }
}
