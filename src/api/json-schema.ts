import { z } from 'zod';
import { anyResult } from '../operations/cell-schema.js';
import type { Operation } from '../operations/operation.js';
import type { JsonSchema } from '../web/endpoint.js';

const nameOfResult = (operation: string) => `${operation}.result`;

const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` });

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
    ...Object.fromEntries(described.map(({ name, resultSchema }) => [nameOfResult(name), schemaOf(resultSchema)])),
  };
}
