import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';

/**
 * An optional param whose default is not written into the params: jobs would hold it in each of their updates. For the rest it is
 * a default like others, in the API's documentation and where an update is compared with another.
 */
export function unlessGiven<Schema extends z.ZodType>(schema: Schema, value: z.output<Schema>) {
  return schema.optional().meta({ default: value });
}

/** An optional param that Tally itself adds when an update is sent: it makes no other update of one, and no caller is told of it. */
export function derived<Schema extends z.ZodType>(schema: Schema) {
  return schema.optional().meta({ derived: true });
}

/** Whether a schema is that of a {@link derived} param. */
export function isDerived(schema: z.core.$ZodType): boolean {
  return z.globalRegistry.get(schema)?.['derived'] === true;
}

type Remover = (value: unknown) => unknown;

/** Takes what equals its default out of the params of a schema, also within objects and arrays. */
export function defaultsRemover(schema: z.ZodType): Remover {
  return removerOf(schema as unknown as z.core.$ZodTypes, new Map()) ?? ((params) => params);
}

/** What is known of objects that the search is within: one may hold itself. */
type Entered = Map<z.core.$ZodTypes, { remove: Remover | undefined }>;

/** @returns undefined for a schema without defaults: most params need no copy */
function removerOf(schema: z.core.$ZodTypes, entered: Entered): Remover | undefined {
  const { def } = schema._zod;
  switch (def.type) {
    case 'object':
      return ofObject(schema, def.shape as Record<string, z.core.$ZodTypes>, entered);
    case 'array': {
      const remove = removerOf(def.element as z.core.$ZodTypes, entered);
      return remove && ((value) => (Array.isArray(value) ? value.map(remove) : value));
    }
    case 'default': {
      const remove = removerOf(def.innerType as z.core.$ZodTypes, entered);
      return (value) =>
        value === def.defaultValue || isDeepStrictEqual(value, def.defaultValue)
          ? undefined
          : remove
            ? remove(value)
            : value;
    }
    case 'optional': {
      if (isDerived(schema)) {
        return () => undefined;
      }
      const { default: unlessGiven } = z.globalRegistry.get(schema) ?? {};
      const remove = removerOf(def.innerType as z.core.$ZodTypes, entered);
      return unlessGiven === undefined
        ? remove
        : (value) => (value === unlessGiven ? undefined : remove ? remove(value) : value);
    }
    case 'nullable':
    case 'readonly':
      return removerOf(def.innerType as z.core.$ZodTypes, entered);
    case 'pipe':
      return removerOf(def.out as z.core.$ZodTypes, entered);
    default:
      return undefined;
  }
}

function ofObject(
  schema: z.core.$ZodTypes,
  shape: Readonly<Record<string, z.core.$ZodTypes>>,
  entered: Entered,
): Remover | undefined {
  const around = entered.get(schema);
  if (around !== undefined) {
    return (value) => (around.remove === undefined ? value : around.remove(value));
  }
  const own: { remove: Remover | undefined } = { remove: undefined };
  entered.set(schema, own);
  const removers = new Map(
    Object.entries(shape).flatMap(([name, inner]) => {
      const remove = removerOf(inner, entered);
      return remove === undefined ? [] : [[name, remove] as const];
    }),
  );
  entered.delete(schema);
  if (removers.size === 0) {
    return undefined;
  }
  own.remove = (value) => {
    if (typeof value !== 'object' || value === null) {
      return value;
    }
    const left: Record<string, unknown> = {};
    for (const [name, inner] of Object.entries(value)) {
      const remove = removers.get(name);
      const kept: unknown = remove === undefined ? inner : remove(inner);
      if (kept !== undefined) {
        left[name] = kept;
      }
    }
    return left;
  };
  return own.remove;
}
