import type { z } from 'zod';
import { ConfigurationError } from '../errors.js';
import { nearest } from './nearest.js';
import { parseWithFastPath, fastPathOf } from './schema-fast-path.js';
import type { FastPath } from './schema-fast-path.js';
import { distinctIssues } from './distinct-issues.js';

/** By schema: those of a call are checked again and again. */
const acceptances = new WeakMap<z.ZodType, FastPath<unknown>>();

function acceptanceOf<Output>(schema: z.ZodType<Output>): FastPath<Output> {
  const known = acceptances.get(schema);
  const acceptance = known ?? fastPathOf(schema);
  if (known === undefined) {
    acceptances.set(schema, acceptance);
  }
  return acceptance as FastPath<Output>;
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
  const parsed = parseWithFastPath(schema, acceptanceOf(schema), options);
  if (parsed.success) {
    return parsed.data;
  }
  const messages = distinctIssues(parsed.error).flatMap((issue) =>
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
