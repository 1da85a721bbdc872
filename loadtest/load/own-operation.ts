import type { Cell } from '../../src/index.js';
import { ConfigurationError } from '../../src/errors.js';
import type { LoadFlags } from './flags.js';

/** An operation of the user's own that is put under load. */
export interface OwnOperation {
  readonly operation: string;
  /** JSON in which `{n}` stands for the number of a key. */
  readonly params: string;
}

/** @throws ConfigurationError when one of the two flags is missing, or `--params` is no JSON */
export function readOwnOperation({ operation, params }: LoadFlags): OwnOperation | undefined {
  if (operation === undefined && params === undefined) {
    return undefined;
  }
  if (operation === undefined || params === undefined) {
    throw new ConfigurationError('--operation needs --params, and the other way round');
  }
  try {
    JSON.parse(params);
  } catch (error) {
    throw new ConfigurationError(
      `--params is not JSON (${(error as Error).message}); for example --params '{"key":"energy:{n}","amount":1}'`,
      { cause: error },
    );
  }
  return { operation, params };
}

/**
 * Its update, in one transaction with a count: the load can't know what the operation does to its own cells, but both take effect or
 * none, so that the count has to be as high as there were updates that were told as applied.
 */
export function withCount({ operation, params }: OwnOperation, index: number, counted: Cell) {
  const own = { operation, params: JSON.parse(params.replaceAll('{n}', String(index))) as unknown };
  const count = { operation: 'counter.increment', params: counted };
  return { operation: 'transaction', params: { updates: [own, count] } };
}
