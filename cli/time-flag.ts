import { z } from 'zod';
import { ConfigurationError } from '../src/errors.js';

/** `Date.parse` takes more: 31 February for 3 March, and a time without its offset for one of this machine's zone. */
const TIME = z.union([z.iso.date(), z.iso.datetime({ offset: true })]);

/**
 * A day, which begins in UTC, or a time with its offset, in ms.
 *
 * @returns undefined for what does not look like one, such as a cursor
 * @throws ConfigurationError that names the flag for what does, and is none
 */
export function timeIn(flag: string, text: string): number | undefined {
  return /^\d{4}-/.test(text) ? requiredTime(flag, text) : undefined;
}

/** @throws ConfigurationError that names the flag for what is no time */
export function requiredTime(flag: string, text: string): number {
  if (!TIME.safeParse(text).success) {
    throw new ConfigurationError(
      `${flag} must be a day or a time with its offset from UTC, 2026-12-24T18:00:00Z, but is "${text}"`,
    );
  }
  return Math.max(0, Date.parse(text));
}
