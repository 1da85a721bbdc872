import { createHash, randomBytes } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import { z } from 'zod';
import type { Store } from '../layout/store.js';
import { askRedis } from '../redis/ask-redis.js';
import { checkBody } from '../web/endpoint.js';
import type { Endpoint } from '../web/endpoint.js';
import { Problem } from '../web/problems.js';
import { apiKeyIdOf, noteApiKey } from '../web/request-log.js';
import { accessOf, restrictAccess } from './access/access.js';
import { questionBody } from './json-body.js';

/** From when it is made until it is used. */
const LIFE_SECONDS = 60;

export const OUTCOMES_PATH = '/v1/outcomes';

const JSON_TYPE = 'application/json';

const originError = 'must be an origin, e.g. https://shop.example';

const tokenQuestion = z.strictObject({
  origin: z
    .string()
    .refine((text) => URL.canParse(text) && new URL(text).origin === text, originError)
    .optional()
    .meta({ description: 'Of the pages that may use it, when they are not of this server: `https://shop.example`.' }),
});

const tokenAnswer = z.object({
  token: z.string().meta({ description: 'For `GET /v1/outcomes?token=`, once.' }),
  expiresAt: z.iso.datetime().meta({ description: 'Until when it can be used.' }),
});

/** What a token stands for: all that its maker may know of. */
const tokenSchema = z.strictObject({
  apiKey: z.string().optional(),
  access: z
    .strictObject({ operations: z.array(z.string()), keys: z.array(z.string()), owner: z.string().optional() })
    .optional(),
  origin: z.string().optional(),
});

interface TokenDeps extends Pick<Store, 'redis' | 'keys'> {
  readonly timeoutMs: number;
}

export function outcomesTokensEndpoint({ redis, keys, timeoutMs }: TokenDeps): Endpoint {
  return {
    method: 'post',
    path: `${OUTCOMES_PATH}/tokens`,
    operationId: 'makeOutcomesToken',
    summary: 'A token with which a browser follows outcomes once.',
    description:
      'An EventSource can not send an API key. A service asks for a token with its own and hands it to the page, which may then follow ' +
      `what the API key allows. It has to be used within ${LIFE_SECONDS} seconds, and works once: to connect again takes another one.`,
    body: { [JSON_TYPE]: schemaOf(tokenQuestion) },
    answers: { 201: { description: 'The token.', schema: tokenAnswer } },
    problems: [
      ...(['BAD_REQUEST', 'INVALID_JSON', 'INVALID_QUERY', 'BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'] as const),
      ...(['OTHER_SITE', 'QUEUE_UNAVAILABLE', 'REDIS_REFUSED', 'STOPPING'] as const),
    ],
    handlers: [
      ...questionBody([JSON_TYPE]),
      async (request, response) => {
        const { origin } = checkBody('INVALID_QUERY', tokenQuestion, request.body);
        const [access, apiKey] = [accessOf(response), apiKeyIdOf(response)];
        const token = randomBytes(24).toString('base64url');
        const held = {
          ...(apiKey !== undefined && { apiKey }),
          ...(access && {
            access: { operations: [...access.operations], keys: [...access.keys], owner: access.owner },
          }),
          ...(origin !== undefined && { origin }),
        } satisfies z.input<typeof tokenSchema>;
        const key = keys.outcomesToken(digestOf(token));
        const said = { accepted: 'none', words: 'ask for another token' } as const;
        await askRedis(redis, timeoutMs, redis.set(key, JSON.stringify(held), 'EX', LIFE_SECONDS), said);
        const expiresAt = new Date(Date.now() + LIFE_SECONDS * 1000).toISOString();
        response.status(201).json({ token, expiresAt });
      },
    ],
  };
}

/** Lets a request to follow outcomes in that comes with a token, as far as its maker could go; all others are for `authorize`. */
export function acceptToken(
  deps: TokenDeps,
  mayStay: (response: Response) => Promise<boolean>,
  authorize: RequestHandler,
): RequestHandler {
  return async (request, response, next) => {
    const token = tokenOf(request);
    if (token === undefined) {
      await authorize(request, response, next);
      return;
    }
    const held = await redeem(token, deps);
    if (held === undefined) {
      throw refused();
    }
    const { apiKey, access, origin } = held;
    if (access !== undefined) {
      restrictAccess(response, { ...access, readOnly: true });
    }
    if (apiKey !== undefined) {
      noteApiKey(response, apiKey);
    }
    if (!(await mayStay(response))) {
      throw refused();
    }
    if (origin !== undefined) {
      response.set({
        'Access-Control-Allow-Origin': origin,
        'Cross-Origin-Resource-Policy': 'cross-origin',
        Vary: 'Origin',
      });
    }
    next();
  };
}

function tokenOf({ method, path, query, headers }: Request): string | undefined {
  const { token } = query;
  const isFollowing = method === 'GET' && `/v1${path}` === OUTCOMES_PATH; // wherever the app is mounted
  return isFollowing && typeof token === 'string' && headers.authorization === undefined ? token : undefined;
}

async function redeem(token: string, { redis, keys, timeoutMs }: TokenDeps) {
  const text = await askRedis(redis, timeoutMs, redis.getdel(keys.outcomesToken(digestOf(token))));
  return text === null ? undefined : tokenSchema.safeParse(JSON.parse(text)).data;
}

function refused(): Problem {
  return new Problem('UNAUTHORIZED', 'the token is not valid, or was used: ask for another one', { accepted: 'none' });
}

function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

function schemaOf(schema: z.ZodType) {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return rest;
}
