import type { z } from 'zod';
import { ConfigurationError } from '../errors.js';
import { nearest } from './nearest.js';

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
  const parsed = schema.safeParse(options);
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
