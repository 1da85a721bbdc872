import type { Response } from 'express';
import { Problem } from '../../web/problems.js';
import type { ApiKey, UpdateRate } from './api-key.js';

/** What an API key may still submit. */
export interface Allowance {
  readonly rate: UpdateRate;
  /** @throws Problem `RATE_LIMITED` with how long to wait, when nothing is left */
  take(updates: number): void;
  /** Takes back what was not submitted. */
  giveBack(updates: number): void;
}

/** What is left to a key, and when that was so. */
interface Account {
  left: number;
  atMs: number;
}

/**
 * Counts the updates of API keys in this process. What is left grows all the time, up to the updates of one window. While
 * anything is left a request may take more, and the next ones wait until that is made up for: so a large one passes at times,
 * and on the average the rate is kept.
 */
export class UpdateRates {
  readonly #accounts = new Map<string, Account>();

  of(key: ApiKey, rate: UpdateRate): Allowance {
    return {
      rate,
      take: (updates) => {
        const account = this.#accountOf(key.id, rate);
        if (account.left <= 0) {
          throw overRate(rate, account.left);
        }
        account.left -= updates;
      },
      giveBack: (updates) => {
        this.#accountOf(key.id, rate).left += updates;
      },
    };
  }

  #accountOf(id: string, { updates, windowSeconds }: UpdateRate): Account {
    const nowMs = performance.now();
    const { left, atMs } = this.#accounts.get(id) ?? { left: updates, atMs: nowMs };
    const grown = left + ((nowMs - atMs) / 1000 / windowSeconds) * updates;
    const account = { left: Math.min(updates, grown), atMs: nowMs };
    this.#accounts.set(id, account); // as many as there are keys
    return account;
  }
}

/** Has the updates of a request counted. */
export function countUpdates(response: Response, allowance: Allowance): void {
  response.locals['allowance'] = allowance;
}

/** What a request's updates are counted in; undefined when they are not. */
export function allowanceOf({ locals }: Response): Allowance | undefined {
  return locals['allowance'] as Allowance | undefined;
}

export function describeRate({ updates, windowSeconds }: UpdateRate): string {
  return `this API key may submit ${updates} updates a ${windowSeconds === 1 ? 'second' : 'minute'}`;
}

function overRate({ updates, windowSeconds }: UpdateRate, left: number): Problem {
  const seconds = Math.ceil(((1 - left) / updates) * windowSeconds);
  const detail = `${describeRate({ updates, windowSeconds })}; nothing was accepted, send it again in ${seconds} s`;
  return new Problem('RATE_LIMITED', detail, { accepted: 'none', headers: { 'Retry-After': String(seconds) } });
}
