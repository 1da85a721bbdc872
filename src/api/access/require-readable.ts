import type { Response } from 'express';
import type { Cell } from '../../redis/cell.js';
import type { Keys } from '../../redis/keys.js';
import { problemAt } from '../../web/problems.js';
import { accessOf, mayUseKey } from './access.js';

/** @throws Problem `FORBIDDEN` or `RESERVED_KEY` for a cell that the caller, or nobody, may read as one */
export function requireReadable({ key }: Cell, keys: Pick<Keys, 'isReserved'>, response: Response): void {
  if (!mayUseKey(accessOf(response), key)) {
    throw problemAt('FORBIDDEN', 'key', `"${key}" is not a key that this API key allows`);
  }
  if (keys.isReserved(key)) {
    throw problemAt('RESERVED_KEY', 'key', `"${key}" belongs to Tally or BullMQ; use another key`);
  }
}
