import type { Logger } from 'pino';
import { explainFault } from './connection-fault.js';
import type { Refusal } from './refusal.js';

/** How often at most it is logged that Redis refuses commands with one code. */
const EVERY_MS = 60_000;

/** Logs what Redis refuses: at once, and from then on once a minute and code with how often it did. */
export class RefusalLog {
  /** By code: how often since it was said last. */
  readonly #unsaid = new Map<string, number>();

  constructor(
    private readonly connection: string,
    private readonly logger: Logger,
    private readonly everyMs = EVERY_MS,
  ) {}

  heard(error: Error, refusal: Refusal): void {
    const { code } = refusal;
    const unsaid = this.#unsaid.get(code);
    if (unsaid === undefined) {
      this.#say(error, refusal, 1);
    } else {
      this.#unsaid.set(code, unsaid + 1);
    }
  }

  #say(error: Error, refusal: Refusal, refusals: number): void {
    const { code, message } = refusal;
    this.#unsaid.set(code, 0);
    const facts = { connection: this.connection, redisCode: code, redisMessage: message, refusals };
    this.logger.warn(facts, `Redis refuses commands: ${explainFault(error)}`);
    setTimeout(() => {
      const unsaid = this.#unsaid.get(code) ?? 0;
      if (unsaid > 0) {
        this.#say(error, refusal, unsaid);
      } else {
        this.#unsaid.delete(code); // the next one is said at once
      }
    }, this.everyMs).unref();
  }
}
