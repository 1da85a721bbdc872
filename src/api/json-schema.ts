import { z } from 'zod';
import { anyResult } from '../operations/cell-schema.js';
import type { Operation } from '../operations/operation.js';
import type { JsonSchema } from '../web/endpoint.js';

const nameOfResult = (operation: string) => `${operation}-result`; // no operation is called so

/** Where a document has its schemas. */
export const SCHEMAS = '#/components/schemas';

const reference = (name: string) => ({ $ref: `${SCHEMAS}/${name}` });

/** A schema by itself, as it is put into a document: what it says of its own parts leads to where it stands there. */
export function standingAt<Schema>(place: string, schema: Schema): Schema {
  const text = JSON.stringify(schema, (key, value: unknown) =>
    key === '$ref' && typeof value === 'string' && /^#(\/\$defs\/|$)/.test(value) ? place + value.slice(1) : value,
  );
  return JSON.parse(text) as Schema;
}

/** A schema as a document holds it that has {@link resultSchemas} among its components. */
export function schemaOf(schema: z.ZodType, io: 'input' | 'output' = 'output') {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema === anyResult) {
        Object.assign(jsonSchema, reference('Result'));
      }
    },
  });
  return rest;
}

/** What applied updates give, by operation. Of operations that do not say it may be anything. */
export function resultSchemas(operations: readonly Operation[]): Record<string, JsonSchema> {
  const described = operations.flatMap(({ name, resultSchema }) => (resultSchema ? [{ name, resultSchema }] : []));
  const anyOf = described.map(({ name }) => reference(nameOfResult(name)));
  return {
    Result: {
      description: 'Of an applied update: what its operation gives.',
      anyOf: described.length < operations.length ? [...anyOf, {}] : anyOf,
    },
    ...Object.fromEntries(
      described.map(({ name, resultSchema }) => {
        const component = nameOfResult(name);
        return [component, standingAt(`${SCHEMAS}/${component}`, schemaOf(resultSchema))];
      }),
    ),
  };
}
