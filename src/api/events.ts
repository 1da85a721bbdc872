import type { Request, RequestHandler } from 'express';
import { acceptedAnswer } from './response-schemas.js';
import { queryOf } from '../web/endpoint.js';
import type { Endpoint } from '../web/endpoint.js';
import { checkEvents, updateOfEvent } from './event-attributes.js';
import type { EventUpdate } from './event-attributes.js';
import { eventOfHeaders } from './event-headers.js';
import { isJsonType, jsonBody, mediaTypeOf } from './json-body.js';
import { Problem, problemAt } from '../web/problems.js';
import { MAX_UPDATES, placeOf } from './admission/admission.js';
import { answerSubmitted, submitAll, submitQuery } from './submit.js';
import type { RequestForm, SubmitDeps } from './submit.js';
import { accessOf } from './access/access.js';
import { answerAccepted, answerEvents, wantsReply } from './event-replies.js';
import { replyEvents, toldFrom } from './told-replies.js';
import type { ReplyDeps } from './told-replies.js';
import { SUBMIT_PROBLEMS } from './updates.js';

const STRUCTURED = 'application/cloudevents+json';
const BATCH = 'application/cloudevents-batch+json';
const BINARY = 'application/json';

/** What an event has for the parts of an update. */
const NAMES = { operation: 'type', params: 'data', idempotencyKey: 'id' };
const ONE: RequestForm = { placeOf: () => '', names: NAMES };
const MANY: RequestForm = { placeOf: (index) => `[${index}]`, names: NAMES };

export function eventsEndpoints(deps: SubmitDeps & ReplyDeps): Endpoint[] {
  return [
    {
      method: 'post',
      path: '/v1/events',
      operationId: 'submitEvents',
      summary: 'Submit updates as CloudEvents 1.0.',
      description:
        'In binary, structured or batched mode. The type is `tally.` and the name of an operation, the data are its ' +
        'params. An event that is delivered again, with the same source and id, takes effect once. A batch is ' +
        'accepted whole or not at all. An event carries no delay, time to run at or priority: `POST /v1/updates` takes them. `OPTIONS` answers the handshake of CloudEvents webhooks 1.0.2.',
      query: submitQuery,
      parameters: [
        ...['specversion', 'id', 'source', 'type'].map((name) => ({
          in: 'header' as const,
          name: `ce-${name}`,
          description: 'In binary mode.',
          schema: { type: 'string' },
        })),
        {
          in: 'header',
          name: 'Prefer',
          description:
            'With `wait`: `reply` is answered with the CloudEvent that is told of the outcome, in structured mode.',
          schema: { type: 'string' },
        },
      ],
      body: {
        [STRUCTURED]: { $ref: '#/components/schemas/Event' },
        [BATCH]: { type: 'array', items: { $ref: '#/components/schemas/Event' }, maxItems: MAX_UPDATES },
        [BINARY]: {
          type: 'object',
          description: 'In binary mode: the params of the operation. Types that end in `+json` are taken, too.',
        },
      },
      answers: {
        200: { description: 'With `wait`: what became of them so far.', schema: acceptedAnswer },
        202: { description: 'Redis has them. Without a body; `Location` is that of a single one.' },
      },
      problems: [...SUBMIT_PROBLEMS, 'INVALID_EVENT'],
      handlers: [...jsonBody(deps.admission, [STRUCTURED, BATCH, BINARY], isBinary), submitEvents(deps)],
    },
  ];
}

function submitEvents(deps: SubmitDeps & ReplyDeps): RequestHandler {
  return async (request, response) => {
    const { wait: waitMs } = queryOf(submitQuery, request);
    const { updates, form } = updatesOf(request);
    const [isBatch, wantsEvents] = [Array.isArray(updates), waitMs !== undefined && wantsReply(request)];
    const from = wantsEvents ? await toldFrom(deps) : undefined;
    if (placeOf(response).isOver) {
      return; // nobody waits for it any more
    }
    const submitted = await submitAll(deps, { updates, form, waitMs }, request, response);
    if (waitMs === undefined) {
      answerAccepted(submitted, response);
    } else if (!wantsEvents || submitted.submissions.length === 0) {
      answerSubmitted(submitted, waitMs, response);
    } else {
      const { owner } = accessOf(response) ?? {};
      const events = await replyEvents(deps, submitted, Array.isArray(updates) ? updates : [updates], { from, owner });
      if (events === undefined) {
        answerAccepted(submitted, response);
      } else {
        answerEvents(events, isBatch, response);
      }
    }
  };
}

/** In binary mode the type is that of the data; what CloudEvents names for itself are other modes. */
function isBinary(mediaType: string): boolean {
  return isJsonType(mediaType) && !mediaType.startsWith('application/cloudevents');
}

function updatesOf(request: Request): { updates: EventUpdate | EventUpdate[]; form: RequestForm } {
  const mediaType = mediaTypeOf(request.headers['content-type']);
  const body = request.body as unknown;
  if (mediaType === BATCH) {
    return { updates: checkEvents(batchOf(body), MANY.placeOf).map(updateOfEvent), form: MANY };
  }
  const event = mediaType === STRUCTURED ? body : eventOfHeaders(request, body);
  const [update] = checkEvents([event], ONE.placeOf).map(updateOfEvent) as [EventUpdate];
  return { updates: update, form: ONE };
}

/** A batch may be empty, says CloudEvents. */
function batchOf(body: unknown): readonly unknown[] {
  if (!Array.isArray(body)) {
    throw problemAt('INVALID_EVENT', '', 'must be an array of events');
  }
  if (body.length > MAX_UPDATES) {
    const detail = `the batch has ${body.length} events, ${MAX_UPDATES} are allowed: send several requests`;
    throw new Problem('TOO_MANY_UPDATES', detail);
  }
  return body;
}
