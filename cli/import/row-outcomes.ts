import { appendFileSync, closeSync, openSync } from 'node:fs';
import { ConfigurationError } from '../../src/errors.js';
import type { Outcome } from '../../src/index.js';
import { number } from '../words.js';

const SHOWN = 20;

/** How many rows had each status. */
export type StatusCounts = Readonly<Record<string, number>>;

/** Tells of the rows that were not applied. */
export class RejectedRows {
  readonly #file: number | undefined;
  #shown = 0;

  /** @throws ConfigurationError when the file can't be written */
  constructor(path: string | undefined) {
    try {
      this.#file = path === undefined ? undefined : openSync(path, 'a');
    } catch (error) {
      throw new ConfigurationError(`--rejects: can't write ${path} (${(error as Error).message})`, { cause: error });
    }
  }

  /** @throws what keeps the file from being written, such as a full disk */
  tell(line: number, outcome: Outcome): void {
    if (outcome.status === 'applied') {
      return;
    }
    const { status, reason, message } = outcome;
    if (this.#file !== undefined) {
      appendFileSync(this.#file, `${JSON.stringify({ line, status, reason, message })}\n`);
    }
    if (this.#shown++ < SHOWN) {
      console.error(`line ${line}: ${status} ${reason}: ${message}`);
    }
  }

  close(): void {
    if (this.#file !== undefined) {
      closeSync(this.#file);
    }
  }
}

/** `3 applied, 1 rejected`. */
export function inWords(counts: StatusCounts): string {
  const words = Object.entries(counts).map(([status, rows]) => `${number(rows)} ${status}`);
  return words.length === 0 ? 'no rows' : words.join(', ');
}

/** 1 where a row was not applied. */
export function exitCodeOf(counts: StatusCounts): number {
  return Object.keys(counts).every((status) => status === 'applied') ? 0 : 1;
}

export function addCounts(some: StatusCounts, more: StatusCounts): StatusCounts {
  const sum: Record<string, number> = { ...some };
  for (const [status, rows] of Object.entries(more)) {
    sum[status] = (sum[status] ?? 0) + rows;
  }
  return sum;
}
