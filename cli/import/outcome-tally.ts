import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { WriteStream } from 'node:fs';
import type { Outcome } from '../../src/index.js';
import { number } from '../words.js';

const SHOWN = 20;

/** Counts outcomes, and tells of the rows that were not applied. */
export class OutcomeTally {
  readonly #counts = new Map<string, number>();
  readonly #file: WriteStream | undefined;
  #shown = 0;

  constructor(path: string | undefined) {
    this.#file = path === undefined ? undefined : createWriteStream(path, { flags: 'a' });
  }

  count(line: number, outcome: Outcome): void {
    this.#counts.set(outcome.status, (this.#counts.get(outcome.status) ?? 0) + 1);
    if (outcome.status === 'applied') {
      return;
    }
    const { status, reason, message } = outcome;
    this.#file?.write(`${JSON.stringify({ line, status, reason, message })}\n`);
    if (this.#shown++ < SHOWN) {
      console.error(`line ${line}: ${status} ${reason}: ${message}`);
    }
  }

  print(): void {
    const counts = [...this.#counts].map(([status, rows]) => `${number(rows)} ${status}`);
    console.log(counts.length === 0 ? 'no rows' : counts.join(', '));
    process.exitCode = [...this.#counts.keys()].every((status) => status === 'applied') ? 0 : 1;
  }

  async close(): Promise<void> {
    if (this.#file !== undefined) {
      this.#file.end();
      await once(this.#file, 'close');
    }
  }
}
