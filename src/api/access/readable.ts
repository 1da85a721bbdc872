import type { Response } from 'express';
import { problemOfErrors } from '../../web/problems.js';
import type { ProblemError } from '../../web/problems.js';
import type { Keys } from '../../redis/keys.js';
import { accessOf, mayUseKey } from './access.js';

/** A key that a request asks for. */
interface AskedKey {
  /** Where the request names it. */
  readonly path: string;
  readonly key: string;
}

/**
 * Refuses a request that asks for a key which its API key does not allow, or which is Tally's own.
 *
 * @throws Problem `FORBIDDEN` or `RESERVED_KEY` that names each place
 */
export function requireReadable(response: Response, keys: Pick<Keys, 'isReserved'>, asked: readonly AskedKey[]): void {
  const access = accessOf(response);
  refuse('FORBIDDEN', asked, (key) => !mayUseKey(access, key), 'is not a key that this API key allows');
  refuse('RESERVED_KEY', asked, keys.isReserved, 'belongs to Tally or BullMQ; use another key');
}

function refuse(
  code: 'FORBIDDEN' | 'RESERVED_KEY',
  asked: readonly AskedKey[],
  isRefused: (key: string) => boolean,
  words: string,
): void {
  const errors = asked.flatMap(({ path, key }): ProblemError[] =>
    isRefused(key) ? [{ path, code, message: `"${key}" ${words}` }] : [],
  );
  if (errors.length > 0) {
    throw problemOfErrors(code, errors as [ProblemError, ...ProblemError[]]);
  }
}
