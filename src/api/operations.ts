import { z } from 'zod';
import type { Operation } from '../operations/operation.js';
import type { Registry } from '../operations/registry.js';
import { isDerived } from '../operations/without-defaults.js';
import { accessOf, mayUseOperation } from './access/access.js';
import type { Endpoint, JsonSchema } from '../web/endpoint.js';

const operationsAnswer = z.object({
  operations: z.array(
    z.object({
      name: z.string(),
      queue: z.string(),
      description: z.string(),
      params: z.record(z.string(), z.unknown()).meta({ description: 'The JSON Schema of its params.' }),
    }),
  ),
});

export function operationsEndpoints({ operations }: Registry): Endpoint[] {
  const known = operations.map((operation) => {
    const { name, queue, description } = operation;
    return { name, queue, description, params: paramsSchema(operation) };
  });
  return [
    {
      method: 'get',
      path: '/v1/operations',
      operationId: 'listOperations',
      summary: 'The operations that this server knows.',
      description: 'Those that the API key allows, with the queue that carries each and the JSON Schema of its params.',
      answers: { 200: { description: 'The operations.', schema: operationsAnswer } },
      problems: ['INVALID_QUERY', 'STOPPING'],
      handlers: [
        (_request, response) => {
          const access = accessOf(response);
          response.json({ operations: known.filter(({ name }) => mayUseOperation(access, name)) });
        },
      ],
    },
  ];
}

/** The JSON Schema of an operation's params as a caller writes them. */
export function paramsSchema({ params }: Operation): JsonSchema {
  return z.toJSONSchema(params, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema._zod.def.type === 'object') {
        const { shape } = zodSchema._zod.def;
        const { properties = {} } = jsonSchema;
        jsonSchema.properties = Object.fromEntries(
          Object.entries(properties).filter(([name]) => shape[name] === undefined || !isDerived(shape[name])),
        );
      }
    },
  });
}
