import type { z } from 'zod';
import { ConfigurationError } from '../errors.js';
import { nearest } from './nearest.js';
import { parseQuickly, quickAcceptance } from './quick-acceptance.js';
import type { QuickAcceptance } from './quick-acceptance.js';

/** By schema: those of a call are checked again and again. */
const acceptances = new WeakMap<z.ZodType, QuickAcceptance<unknown>>();

function acceptanceOf<Output>(schema: z.ZodType<Output>): QuickAcceptance<Output> {
  const known = acceptances.get(schema);
  const acceptance = known ?? quickAcceptance(schema);
  if (known === undefined) {
    acceptances.set(schema, acceptance);
  }
  return acceptance as QuickAcceptance<Output>;
}

/**
 * Checks the options of a public function and fills in defaults.
 *
 * @throws ConfigurationError naming each option, what is wrong with it and, for an unknown one, the nearest known
 */
export function checkOptions<Shape extends z.core.$ZodShape>(
  what: string,
  schema: z.ZodObject<Shape, z.core.$strict>,
  options: unknown,
): z.output<typeof schema> {
  const parsed = parseQuickly(schema, acceptanceOf(schema), options);
  if (parsed.success) {
    return parsed.data;
  }
  const messages = parsed.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => unknownName(key, Object.keys(schema.shape)))
      : [`${issue.path.join('.')}: ${issue.message}`],
  );
  throw new ConfigurationError(`${what}: ${messages.join('; ')}`);
}

/** The words for a name that is not known. */
function unknownName(name: string, known: readonly string[]): string {
  const suggestion = nearest(name, known);
  return `unknown option "${name}"${suggestion === undefined ? '' : `; did you mean "${suggestion}"?`}`;
}
