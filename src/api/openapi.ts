import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { delaySchema, prioritySchema } from '../operations/timing.js';
import { idempotencyKeySchema } from '../operations/idempotency-key.js';
import type { Operation } from '../operations/operation.js';
import type { Registry } from '../operations/registry.js';
import { KEY_PROBLEMS } from './access/require-key.js';
import { pathFor } from '../web/base-path.js';
import type { Endpoint, JsonSchema } from '../web/endpoint.js';
import { eventSchema } from './event-attributes.js';
import { resultSchemas, SCHEMAS, schemaOf, standingAt } from './json-schema.js';
import { paramsSchema } from './operations.js';
import { PROBLEMS } from '../web/problems.js';
import type { ProblemCode } from '../web/problems.js';

const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.enum(Object.keys(PROBLEMS)).meta({ description: 'Stable: what programs look at.' }),
  redisCode: z
    .string()
    .optional()
    .meta({
      description:
        'With `REDIS_REFUSED`, and `NOT_READY` for the same reason: what Redis refused with, e.g. `OOM`, `READONLY`, `NOREPLICAS`, ' +
        '`MISCONF`, `NOPERM`, `LOADING`, `BUSY`, `CLUSTERDOWN`, `MASTERDOWN`, `NOAUTH`, `WRONGPASS`, or `MAXCLIENTS` for ' +
        '"max number of clients reached".',
    }),
  detail: z.string().meta({ description: 'What is wrong with this request, for people.' }),
  requestId: z.string().meta({ description: "The request's id in the log of Tally." }),
  accepted: z.enum(['none', 'some', 'unknown']).optional().meta({
    description: 'How much of the request was accepted. Absent where the code says it: nothing.',
  }),
  outcome: z.looseObject({ status: z.string() }).optional().meta({
    description: 'With `NOT_CANCELLABLE` and `NOT_REVERTIBLE`: what became of the update, if that is known already.',
  }),
  errors: z
    .array(z.object({ path: z.string(), code: z.string(), message: z.string() }))
    .optional()
    .meta({ description: 'What is wrong and where, e.g. `[3].params.by`; the first 100.' }),
});

/** How the document names the API keys. */
const KEY_SCHEME = 'apiKey';

const documentAnswer = z.looseObject({ openapi: z.string(), info: z.looseObject({}), paths: z.looseObject({}) });

/** Serves the document of these endpoints, and of itself. */
export function openApiEndpoint(endpoints: readonly Endpoint[], registry: Registry): Endpoint {
  const endpoint: Endpoint = {
    method: 'get',
    path: '/openapi.json',
    operationId: 'getOpenApi',
    summary: 'This document.',
    description: 'The page `/docs/` shows it.',
    answers: { 200: { description: 'OpenAPI 3.1.', schema: documentAnswer } },
    problems: ['INVALID_QUERY'],
    handlers: [
      (request, response) => {
        response.json({ ...document, servers: [{ url: pathFor(request, '') || '/' }] });
      },
    ],
  };
  const document = openApiOf([...endpoints, endpoint], registry);
  return endpoint;
}

/** The OpenAPI document of these endpoints, made from the schemas that they check with. */
function openApiOf(endpoints: readonly Endpoint[], { operations }: Registry): JsonSchema {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const endpoint of endpoints) {
    paths[endpoint.path] = { ...paths[endpoint.path], [endpoint.method]: describe(endpoint) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Tally',
      version: '1',
      description: 'Counters, inventory, XP and scores in Redis: every accepted update takes effect exactly once.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [],
    security: [],
    paths,
    components: {
      securitySchemes: {
        [KEY_SCHEME]: {
          type: 'http',
          scheme: 'bearer',
          description: 'An API key, made with `tally keys create`. While there are none, this machine needs none.',
        },
      },
      schemas: {
        Problem: schemaOf(problemSchema),
        Event: eventDocument(),
        Update: { oneOf: operations.map(({ name }) => ({ $ref: `#/components/schemas/${name}` })) },
        ...Object.fromEntries(operations.map((operation) => [operation.name, updateSchema(operation)])),
        ...resultSchemas(operations),
      },
    },
  };
}

/** An event as it is sent: what it holds in `data_base64` is put into `data` before its schema looks at it. */
function eventDocument(): JsonSchema {
  const { properties = {}, required = [], ...rest } = schemaOf(eventSchema, 'input');
  return {
    ...rest,
    properties: {
      ...properties,
      data_base64: { type: 'string', contentEncoding: 'base64', description: 'In place of `data`: the same as JSON.' },
    },
    required: required.filter((name) => name !== 'data'),
    oneOf: [{ required: ['data'] }, { required: ['data_base64'] }],
  };
}

function updateSchema(operation: Operation): JsonSchema {
  const { name, codes } = operation;
  const reasons =
    codes.length > 0 ? `Its reasons to be rejected: ${codes.map((code) => `\`${code}\``).join(', ')}.` : '';
  const description = [operation.description, reasons].filter((text) => text !== '').join(' ');
  const { $schema: _, ...params } = paramsSchema(operation);
  return {
    type: 'object',
    ...(description !== '' && { description }),
    properties: {
      operation: { type: 'string', const: name },
      params: standingAt(`${SCHEMAS}/${name}/properties/params`, params),
      idempotencyKey: schemaOf(idempotencyKeySchema),
      delayMs: { ...schemaOf(delaySchema), description: 'Milliseconds to wait before it may run.' },
      runAt: { type: 'string', format: 'date-time', description: 'The time before which it may not run.' },
      priority: { ...schemaOf(prioritySchema), description: '1 goes first; without it, before all with one.' },
    },
    required: ['operation', 'params'],
    additionalProperties: false,
  };
}

function describe(endpoint: Endpoint): JsonSchema {
  const { operationId, summary, description, body, answers, problems, ...rest } = endpoint;
  const needsKey = rest.path.startsWith('/v1/');
  const parameters = [...(rest.parameters ?? []), ...queryParameters(rest.query)];
  return {
    operationId,
    summary,
    description,
    ...(needsKey && { security: [{ [KEY_SCHEME]: [] }, {}] }),
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { required: true, content: mapValues(body, (schema) => ({ schema })) } }),
    responses: {
      ...mapValues(answers, (answer) => ({
        description: answer.description,
        ...(answer.schema && {
          content: { [answer.mediaType ?? 'application/json']: { schema: schemaOf(answer.schema) } },
        }),
      })),
      ...problemAnswers([...new Set([...problems, ...(needsKey ? KEY_PROBLEMS : []), 'UNEXPECTED' as const])]),
    },
  };
}

/** The parameters that a query's schema stands for; what it makes of their text is what they mean. */
function queryParameters(query: z.ZodObject | undefined) {
  const { properties = {}, required = [] } = query === undefined ? {} : z.toJSONSchema(query);
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...schema } = property as JsonSchema;
    return {
      in: 'query',
      name,
      ...(description !== undefined && { description }),
      required: required.includes(name) && !('default' in schema), // the schema is that of what was read
      schema,
    };
  });
}

const RETRY_AFTER = {
  'Retry-After': { description: 'After how many seconds to send it again.', schema: { type: 'integer', minimum: 1 } },
};

/** One answer for each status, naming the codes that have it. */
function problemAnswers(codes: readonly ProblemCode[]): Record<string, unknown> {
  const statuses = new Set(codes.map((code) => PROBLEMS[code].status));
  return Object.fromEntries(
    [...statuses].map((status) => {
      const here = codes.filter((code) => PROBLEMS[code].status === status);
      const description = `${STATUS_CODES[status] ?? ''}: ${here.map((code) => `\`${code}\``).join(', ')}`;
      const content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };
      const isLater = here.some((code) => 'retryAfterSeconds' in PROBLEMS[code]);
      return [status, { description, content, ...(isLater && { headers: RETRY_AFTER }) }];
    }),
  );
}

function mapValues<From, To>(values: Readonly<Record<string, From>>, map: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value)]));
}
