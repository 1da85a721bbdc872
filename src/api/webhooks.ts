import type { Request, Response } from 'express';
import { z } from 'zod';
import { ConfigurationError, TallyError } from '../errors.js';
import { askRedis } from '../redis/ask-redis.js';
import type { Connection } from '../redis/connection.js';
import { describeCrossing, parseCrossing } from '../subscribers/filter.js';
import { STATUSES } from '../subscribers/event.js';
import { MOST_OF_OWNER, MOST_OF_WEBHOOK } from '../subscribers/webhooks/pending-counts.js';
import type { ShownWebhook, Webhooks, WebhookOwner } from '../subscribers/webhooks/webhooks.js';
import { checkBody } from '../web/endpoint.js';
import type { Endpoint } from '../web/endpoint.js';
import { Problem } from '../web/problems.js';
import type { ProblemCode } from '../web/problems.js';
import { accessOf } from './access/access.js';
import { questionBody } from './json-body.js';
import { unknownEffect } from './unknown-effect.js';

const JSON_TYPE = 'application/json';

/** A target may take its time to answer the handshake; Redis may not. */
const HANDSHAKE_MS = 11_000;

export interface WebhooksDeps {
  /** Undefined where this server was not told what secrets are sealed with. */
  readonly webhooks: Webhooks | undefined;
  readonly redis: Connection;
  readonly timeoutMs: number;
  /** A webhook outlasts the request that adds it. @throws Problem `UNAUTHORIZED` when its API key was revoked */
  readonly refuseRevoked: (response: Response) => Promise<void>;
}

const crossing = z.string().refine((text) => parseCrossing(text) !== undefined, 'must be like below:5 or above:100');

/** What a webhook may be told, as a request has it. */
const filterShape = {
  operations: z.array(z.string()).min(1).optional().meta({ description: 'Names of operations. Without it: all.' }),
  statuses: z.array(z.enum(STATUSES)).min(1).optional().meta({ description: 'Without it: all.' }),
  keys: z.array(z.string()).min(1).optional().meta({ description: 'Patterns of keys: `*` stands for any text.' }),
  crosses: crossing.optional().meta({ description: '`below:5`, `above:100`: once per crossing of this level.' }),
};

const perMinute = z.int().min(1).max(60_000).optional().meta({ description: 'Deliveries in a minute at most.' });

const webhookQuestion = z.strictObject({
  url: z.string().meta({ format: 'uri', description: 'https, at a public address.' }),
  ...filterShape,
  perMinute,
  token: z.string().optional().meta({ description: 'Sent as `Authorization: Bearer`.' }),
});

const webhookAnswer = z.object({
  id: z.string(),
  url: z.string(),
  ...filterShape,
  perMinute,
  hasToken: z.boolean(),
  origin: z.string().meta({ description: 'Sent as `WebHook-Request-Origin`.' }),
  owner: z.string().optional(),
  createdAt: z.iso.datetime(),
  disabled: z
    .object({ why: z.string().meta({ description: '`GONE`, `BEHIND`, `BY_HAND` or `KEY_REVOKED`.' }), at: z.string() })
    .optional(),
});

const addedAnswer = webhookAnswer.extend({ secret: z.string().meta({ description: 'Shown only now.' }) });
const listAnswer = z.object({ webhooks: z.array(webhookAnswer) });
const removedAnswer = z.object({ status: z.literal('removed') });

const replayQuestion = z.strictObject({
  since: z.iso.datetime({ offset: true }).meta({ description: 'From when on.' }),
  until: z.iso.datetime({ offset: true }).optional().meta({ description: 'Up to when. Without it: up to now.' }),
});

const replayAnswer = z.object({
  deliveries: z.int().min(0),
  from: z.string().optional(),
  to: z.string().optional(),
  gap: z
    .object({ from: z.string().optional(), to: z.string().optional(), lost: z.int().optional() })
    .optional()
    .meta({ description: 'What is not kept any more.' }),
  cut: z
    .object({
      by: z.enum(['WEBHOOK', 'OWNER']).meta({
        description: `Whose deliveries wait: ${MOST_OF_WEBHOOK} of the webhook, or ${MOST_OF_OWNER} of all that its owner has.`,
      }),
      since: z.iso.datetime().meta({ description: 'The time to go on from.' }),
    })
    .optional()
    .meta({ description: 'Too many deliveries wait to add more: replay from `since` on when they are fewer.' }),
});

const ID = {
  in: 'path',
  name: 'id',
  description: 'Of the webhook.',
  schema: { type: 'string' },
  required: true,
} as const;

const PROBLEMS = [
  ...(['BAD_REQUEST', 'FORBIDDEN', 'INVALID_QUERY', 'OTHER_SITE', 'WEBHOOKS_OFF'] as const),
  ...(['QUEUE_UNAVAILABLE', 'REDIS_REFUSED', 'STOPPING'] as const),
] as const;
const BODY_PROBLEMS = ['INVALID_JSON', 'BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE', 'INVALID_WEBHOOK'] as const;
const ONE_PROBLEMS = [...PROBLEMS, 'WEBHOOK_NOT_FOUND'] as const;

export function webhooksEndpoints(deps: WebhooksDeps): Endpoint[] {
  return [addWebhook(deps), listWebhooks(deps), findWebhook(deps), removeWebhook(deps), ...changes(deps)];
}

function addWebhook(deps: WebhooksDeps): Endpoint {
  return {
    method: 'post',
    path: '/v1/webhooks',
    operationId: 'addWebhook',
    summary: 'Have outcomes posted to a URL.',
    description:
      'Each as a CloudEvent in structured mode, signed as Standard Webhooks has it, at least once: with retries over three days. The ' +
      'target is asked first (OPTIONS, CloudEvents webhooks 1.0.2). It is told no more than the API key may know, and needs an API ' +
      'key that was made with `--webhooks`.',
    body: { [JSON_TYPE]: jsonSchema(webhookQuestion) },
    answers: { 201: { description: 'The webhook with its secret.', schema: addedAnswer } },
    problems: [...PROBLEMS, ...BODY_PROBLEMS, 'FORBIDDEN_TARGET', 'HANDSHAKE_FAILED'],
    handlers: [
      ...questionBody([JSON_TYPE]),
      async (request, response) => {
        const { crosses, ...settings } = checkBody('INVALID_WEBHOOK', webhookQuestion, request.body);
        const given = { ...settings, ...(crosses !== undefined && { crosses: parseCrossing(crosses) }) };
        const { webhook, secret } = await change(deps, response, (all, by) => all.add(given, by), {
          undo: ({ webhook: { id } }, all, by) => all.remove(id, by),
          moreMs: HANDSHAKE_MS,
        });
        response.status(201).json({ ...shown(webhook), secret });
      },
    ],
  };
}

function listWebhooks(deps: WebhooksDeps): Endpoint {
  return {
    method: 'get',
    path: '/v1/webhooks',
    operationId: 'listWebhooks',
    summary: "The webhooks of the API key's owner.",
    description: 'Without their secrets.',
    answers: { 200: { description: 'In the order in which they were added.', schema: listAnswer } },
    problems: PROBLEMS,
    handlers: [
      async (_request, response) => {
        const webhooks = await ask(deps, response, (all, by) => all.list(by));
        response.json({ webhooks: webhooks.map(shown) });
      },
    ],
  };
}

function findWebhook(deps: WebhooksDeps): Endpoint {
  return {
    method: 'get',
    path: '/v1/webhooks/{id}',
    operationId: 'findWebhook',
    summary: 'A webhook.',
    description: 'Without its secret.',
    parameters: [ID],
    answers: { 200: { description: 'The webhook.', schema: webhookAnswer } },
    problems: ONE_PROBLEMS,
    handlers: [
      async (request, response) => {
        response.json(shown(await ask(deps, response, (webhooks, by) => webhooks.get(idOf(request), by))));
      },
    ],
  };
}

function removeWebhook(deps: WebhooksDeps): Endpoint {
  return {
    method: 'delete',
    path: '/v1/webhooks/{id}',
    operationId: 'removeWebhook',
    summary: 'Remove a webhook.',
    description: 'What waits to be delivered to it is removed with it, and not sent any more, within 2 seconds.',
    parameters: [ID],
    answers: { 200: { description: 'It is removed.', schema: removedAnswer } },
    problems: ONE_PROBLEMS,
    handlers: [
      async (request, response) => {
        await change(deps, response, (all, by) => all.remove(idOf(request), by), { moreMs: MANY_JOBS_MS });
        response.json({ status: 'removed' });
      },
    ],
  };
}

/** What is done to a webhook by a POST to a path of its own. */
function changes(deps: WebhooksDeps): Endpoint[] {
  const post = (name: string, rest: Omit<Endpoint, 'method' | 'path' | 'parameters'>): Endpoint => {
    return { method: 'post', path: `/v1/webhooks/{id}/${name}`, parameters: [ID], ...rest };
  };
  return [
    post('secret', {
      operationId: 'rotateWebhookSecret',
      summary: 'Give a webhook another secret.',
      description: 'For 24 hours events are signed with the one before as well.',
      answers: { 200: { description: 'The webhook with its new secret.', schema: addedAnswer } },
      problems: ONE_PROBLEMS,
      handlers: [
        async (request, response) => {
          const { webhook, secret } = await change(deps, response, (all, by) => all.rotate(idOf(request), by));
          response.json({ ...shown(webhook), secret });
        },
      ],
    }),
    ...(['enable', 'disable'] as const).map((name) =>
      post(name, {
        operationId: `${name}Webhook`,
        summary: name === 'enable' ? 'Let a webhook go on.' : 'Have nothing sent to a webhook.',
        description:
          'What waits while it is disabled is given up when its turn comes, and what comes meanwhile is not sent later: replay it.',
        answers: { 200: { description: 'The webhook as it is now.', schema: webhookAnswer } },
        problems: ONE_PROBLEMS,
        handlers: [
          async (request, response) => {
            const set = (isEnabled: boolean) => (all: Webhooks, by: WebhookOwner) =>
              all.setEnabled(idOf(request), isEnabled, by);
            const undo = (_: ShownWebhook, all: Webhooks, by: WebhookOwner) => set(false)(all, by);
            response.json(shown(await change(deps, response, set(name === 'enable'), { undo })));
          },
        ],
      }),
    ),
    post('replay', {
      operationId: 'replayWebhook',
      summary: 'Have outcomes of a range of time sent once more.',
      description: 'As far as they are kept. They come with the `webhook-id` that they had.',
      body: { [JSON_TYPE]: jsonSchema(replayQuestion) },
      answers: { 200: { description: 'How many were added.', schema: replayAnswer } },
      problems: [...ONE_PROBLEMS, ...BODY_PROBLEMS, 'WEBHOOK_DISABLED', 'OUTCOMES_OFF'],
      handlers: [
        ...questionBody([JSON_TYPE]),
        async (request, response) => {
          const { since, until } = checkBody('INVALID_WEBHOOK', replayQuestion, request.body);
          const range = { sinceMs: Date.parse(since), ...(until !== undefined && { untilMs: Date.parse(until) }) };
          const replay = (all: Webhooks, by: WebhookOwner) => all.replay(idOf(request), range, by);
          response.json(await change(deps, response, replay, { moreMs: MANY_JOBS_MS }));
        },
      ],
    }),
  ];
}

/** Thousands of jobs may be added or removed. */
const MANY_JOBS_MS = 30_000;

interface ChangeOptions<Answer> {
  /** Of what would go on although the key was revoked meanwhile. */
  readonly undo?: (answer: Answer, webhooks: Webhooks, by: WebhookOwner) => Promise<unknown>;
  readonly moreMs?: number;
}

/** Changes webhooks, as far as the caller still may: who revokes a key has its owner's webhooks disabled, and none may come after. */
async function change<Answer>(
  deps: WebhooksDeps,
  response: Response,
  doIt: (webhooks: Webhooks, by: WebhookOwner) => Promise<Answer>,
  { undo, moreMs }: ChangeOptions<Answer> = {},
): Promise<Answer> {
  await deps.refuseRevoked(response);
  const answer = await ask(deps, response, doIt, moreMs);
  if (undo !== undefined) {
    try {
      await deps.refuseRevoked(response);
    } catch (error) {
      await ask(deps, response, (webhooks, by) => undo(answer, webhooks, by));
      throw error;
    }
  }
  return answer;
}

/** Asks about webhooks, as far as the caller may. */
async function ask<Answer>(
  { webhooks, redis, timeoutMs }: WebhooksDeps,
  response: Response,
  question: (webhooks: Webhooks, by: WebhookOwner) => Promise<Answer>,
  moreMs = 0,
): Promise<Answer> {
  if (webhooks === undefined) {
    throw new Problem('WEBHOOKS_OFF', 'there are no webhooks: set TALLY_WEBHOOK_KEY for this server and the workers');
  }
  const access = accessOf(response);
  if (access !== undefined && access.webhooks !== true) {
    throw new Problem('FORBIDDEN', 'this API key was made without --webhooks');
  }
  const by = access === undefined ? {} : { owner: access.owner ?? '', scope: access };
  try {
    return await askRedis(redis, timeoutMs + moreMs, question(webhooks, by));
  } catch (error) {
    throw problemOf(response.req.method === 'GET' ? error : unknownEffect(error));
  }
}

/** By then those that are under way are over. */
const HANDSHAKE_SECONDS = '10';

const CODES: ReadonlySet<string> = new Set<ProblemCode>([
  'WEBHOOK_NOT_FOUND',
  'WEBHOOK_DISABLED',
  'FORBIDDEN_TARGET',
  'HANDSHAKE_FAILED',
]);

function problemOf(error: unknown): unknown {
  if (error instanceof ConfigurationError) {
    return new Problem('INVALID_WEBHOOK', error.message);
  }
  if (error instanceof TallyError && error.code === 'RATE_LIMITED') {
    return new Problem(error.code, error.message, { accepted: 'none', headers: { 'Retry-After': HANDSHAKE_SECONDS } });
  }
  const isKnown = error instanceof TallyError && CODES.has(error.code);
  return isKnown ? new Problem(error.code as ProblemCode, error.message) : error;
}

function idOf({ params }: Request): string {
  return (params as { id?: string }).id ?? '';
}

function shown({ crosses, ...webhook }: ShownWebhook) {
  return { ...webhook, ...(crosses && { crosses: describeCrossing(crosses) }) };
}

function jsonSchema(schema: z.ZodType) {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return rest;
}
