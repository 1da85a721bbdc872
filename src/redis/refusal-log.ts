import type { Logger } from 'pino';
import { OnceAWhile } from '../lib/once-a-while.js';
import { explainFault } from './connection-fault.js';
import type { Refusal } from './refusal.js';

/** Logs what Redis refuses: at once, and from then on once a minute and code with how often it did. */
export class RefusalLog {
  readonly #said: OnceAWhile;

  constructor(
    private readonly connection: string,
    private readonly logger: Logger,
    everyMs?: number,
  ) {
    this.#said = new OnceAWhile(everyMs);
  }

  heard(error: Error, { code, message }: Refusal): void {
    this.#said.came(code, (refusals) => {
      const facts = { connection: this.connection, redisCode: code, redisMessage: message, refusals };
      this.logger.warn(facts, `Redis refuses commands: ${explainFault(error)}`);
    });
  }
}
