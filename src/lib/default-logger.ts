import { createRequire } from 'node:module';
import type { Logger, LoggerOptions, pino } from 'pino';

const require = createRequire(import.meta.url);

/** A logger of pino's, which is loaded for the first: most are given theirs. */
export function defaultLogger(options: LoggerOptions): Logger {
  return (require('pino') as typeof pino)(options);
}
