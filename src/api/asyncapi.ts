import { z } from 'zod';
import type { Registry } from '../operations/registry.js';
import { STATUSES } from '../subscribers/event.js';
import type { Endpoint, JsonSchema } from '../web/endpoint.js';
import { resultSchemas, schemaOf } from './json-schema.js';
import { gapEventSchema, outcomeEventSchema } from './outcome-schemas.js';
import { outcomesQuery } from './outcomes-query.js';

const documentAnswer = z.looseObject({ asyncapi: z.string(), info: z.looseObject({}), channels: z.looseObject({}) });

/** Serves the AsyncAPI document: what Tally tells, of the stream and of webhooks. */
export function asyncApiEndpoint({ registry }: { readonly registry: Registry }): Endpoint {
  const document = asyncApiOf(registry);
  return {
    method: 'get',
    path: '/asyncapi.json',
    operationId: 'getAsyncApi',
    summary: 'What is told by `GET /v1/outcomes` and to webhooks.',
    description: 'AsyncAPI 3.0, from the same schemas.',
    answers: { 200: { description: 'AsyncAPI 3.0.', schema: documentAnswer } },
    problems: ['INVALID_QUERY'],
    handlers: [
      (_request, response) => {
        response.json(document);
      },
    ],
  };
}

const reference = (path: string) => ({ $ref: `#/${path}` });

const MESSAGES = ['outcome', 'gap'] as const;

function asyncApiOf({ operations }: Registry): JsonSchema {
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Tally: outcomes told',
      version: '1',
      description:
        'What became of updates, as CloudEvents 1.0 in JSON. An update that is refused (422 `IDEMPOTENCY_CONFLICT` too) or answered from its ' +
        'idempotency key when it is sent has no event: only its sender hears of it. OpenAPI of the requests: `/openapi.json`.',
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/cloudevents+json',
    channels: {
      outcomes: {
        address: '/v1/outcomes',
        title: 'Server-Sent Events',
        description: 'The `id:` of each is a cursor. The `event:` is `outcome` or `gap`, the `data:` the CloudEvent.',
        messages: messagesOf('text/event-stream'),
        bindings: { http: {} },
      },
      webhooks: {
        address: null,
        title: 'Webhooks',
        description: 'Posted to the URL of each webhook, signed as Standard Webhooks has it.',
        messages: messagesOf('webhook'),
        bindings: { http: {} },
      },
    },
    operations: {
      followOutcomes: sent('outcomes', { method: 'GET', query: schemaOf(outcomesQuery, 'input') }),
      postToWebhooks: sent('webhooks', { method: 'POST' }),
    },
    components: {
      messages: {
        outcome: message('An outcome', 'Outcome'),
        gap: message('Some outcomes are missing: they were not kept until they could be told', 'Gap'),
        postedOutcome: { ...message('An outcome', 'Outcome'), headers: reference('components/schemas/WebhookHeaders') },
        postedGap: { ...message('Some are missing', 'Gap'), headers: reference('components/schemas/WebhookHeaders') },
      },
      schemas: {
        Outcome: withTypes(
          schemaOf(outcomeEventSchema),
          operations.map(({ name }) => name),
        ),
        Gap: schemaOf(gapEventSchema),
        WebhookHeaders: WEBHOOK_HEADERS,
        ...resultSchemas(operations),
      },
    },
  };
}

function messagesOf(channel: 'text/event-stream' | 'webhook') {
  const nameOf = (name: (typeof MESSAGES)[number]) =>
    channel === 'webhook' ? `posted${name[0]?.toUpperCase() ?? ''}${name.slice(1)}` : name;
  return Object.fromEntries(MESSAGES.map((name) => [name, reference(`components/messages/${nameOf(name)}`)]));
}

function sent(channel: 'outcomes' | 'webhooks', http: JsonSchema) {
  return {
    action: 'send',
    channel: reference(`channels/${channel}`),
    messages: MESSAGES.map((name) => reference(`channels/${channel}/messages/${name}`)),
    bindings: { http },
  };
}

function message(summary: string, schema: string) {
  return { contentType: 'application/cloudevents+json', summary, payload: reference(`components/schemas/${schema}`) };
}

/** Names the types that there are. */
function withTypes(schema: JsonSchema, operations: readonly string[]): JsonSchema {
  const types = operations.flatMap((name) => STATUSES.map((status) => `tally.${name}.${status}`));
  const { properties } = schema as { properties: Record<string, object> };
  return { ...schema, properties: { ...properties, type: { type: 'string', enum: types } } };
}

const text = (description: string) => ({ type: 'string', description });

const WEBHOOK_HEADERS = {
  type: 'object',
  properties: {
    'webhook-id': text('Of the event: the same in every attempt.'),
    'webhook-timestamp': text('Of the attempt: seconds since 1970.'),
    'webhook-signature': text('One or more signatures, `v1,` and base64, with spaces between.'),
    'webhook-request-origin': text('The name of the sender, as in the handshake.'),
    authorization: text('`Bearer` and the token of the webhook, if it has one.'),
  },
  required: ['webhook-id', 'webhook-timestamp', 'webhook-signature', 'webhook-request-origin'],
};
