import type { Request, Response } from 'express';
import type { Registry } from '../operations/registry.js';
import { checkUpdate } from '../operations/update.js';
import type { CheckContext } from '../operations/update.js';
import type { FoundUpdate } from '../producers/find-update.js';
import type { Keys } from '../redis/keys.js';
import { NO_SLOT } from '../redis/slots.js';
import { Problem } from '../web/problems.js';
import type { ProblemCode } from '../web/problems.js';
import { accessOf } from './access/access.js';
import type { Access } from './access/access.js';
import { maySee } from './access/forbidden.js';
import type { SubmitDeps } from './submit.js';

export interface UpdatesDeps extends SubmitDeps {
  readonly registry: Registry;
  readonly keys: Keys;
}

/** The parameter of paths that name an update. */
export const ID = {
  in: 'path',
  name: 'id',
  description: 'As answered when the update was submitted.',
  schema: { type: 'string' },
  required: true,
} as const;

const FORGOTTEN =
  'the id is from a time of which no outcomes are kept any more: if such an update was accepted, it has been completed and forgotten';

/**
 * The update that a request names.
 *
 * @param forgotten the code for one that is kept no more
 * @throws Problem when there is none, or its API key may not know of it
 */
export async function findVisible(
  { producer, registry, keys }: UpdatesDeps,
  request: Request,
  response: Response,
  forgotten: ProblemCode = 'OUTCOME_FORGOTTEN',
): Promise<FoundUpdate> {
  const context = { registry, isReservedKey: keys.isReserved, slotOf: () => NO_SLOT }; // it is not looked for by it
  const { id = '' } = request.params as { id?: string };
  const found = await producer.find(id);
  if (found === undefined || !maySeeFound(accessOf(response), found, context)) {
    throw (await producer.wasForgotten(id)) // also of one that it may not know of, so that the two look alike
      ? new Problem(forgotten, FORGOTTEN)
      : new Problem('UPDATE_NOT_FOUND', 'no update has this id');
  }
  return found;
}

/** Of an update that is not valid, since someone edited its job, nobody can tell whose it is: no API key shows it. */
export function maySeeFound(
  access: Access | undefined,
  { operation, params }: FoundUpdate,
  context: CheckContext,
): boolean {
  if (access === undefined) {
    return true;
  }
  try {
    return maySee(access, checkUpdate({ operation, params }, context));
  } catch {
    return false;
  }
}
