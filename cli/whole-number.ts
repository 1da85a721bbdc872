import { ConfigurationError } from '../src/errors.js';

/** Which whole numbers a flag takes. */
interface Range {
  /** @defaultValue 0 */
  readonly min?: number;
  /** @defaultValue Number.MAX_SAFE_INTEGER */
  readonly max?: number;
  /** What is counted, for example `ms`. */
  readonly of?: string;
}

/** @throws ConfigurationError that names the flag, and says what fits it */
export function wholeNumber(flag: string, text: string, { min = 0, max, of }: Range = {}): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < min || number > (max ?? Number.MAX_SAFE_INTEGER)) {
    const range = max === undefined ? (min > 0 ? `, ${min} or more` : '') : ` from ${min} to ${max}`;
    throw new ConfigurationError(`${flag} must be a whole number${of ? ` of ${of}` : ''}${range}, but is "${text}"`);
  }
  return number;
}
