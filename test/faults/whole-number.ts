import { InvalidArgumentError } from 'commander';
import { MAX_SEED } from './random.js';

/** Reads a whole number from the command line: a seed, seconds, a count. */
export function wholeNumber(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > MAX_SEED) {
    throw new InvalidArgumentError(`must be a whole number from 1 to ${MAX_SEED}`);
  }
  return number;
}
