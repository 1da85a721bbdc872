import type { Request, Response } from 'express';
import { z } from 'zod';
import { recurrenceShape } from '../producers/check-schedule.js';
import type { ScheduleRequest } from '../producers/check-schedule.js';
import type { Schedule } from '../readers/read-schedules.js';
import { checkUpdate } from '../operations/update.js';
import type { CheckContext } from '../operations/update.js';
import { NO_SLOT } from '../redis/slots.js';
import type { Endpoint } from '../web/endpoint.js';
import { Problem } from '../web/problems.js';
import { exceeds } from '../bullmq/ticks.js';
import type { Recurrence } from '../bullmq/ticks.js';
import { accessOf } from './access/access.js';
import type { Access } from './access/access.js';
import { allowanceOf, describeRate } from './access/update-rates.js';
import { maySee, refuseForbidden } from './access/forbidden.js';
import { placeOf } from './admission/admission.js';
import { jsonBody } from './json-body.js';
import { shownOutcome, shownShape } from './response-schemas.js';
import type { UpdatesDeps } from './find-visible.js';

const JSON_TYPE = 'application/json';

const scheduleAnswer = z.object({
  id: z.string(),
  cron: recurrenceShape.cron,
  timeZone: z.string().optional(),
  everyMs: z.int().optional(),
  update: z.object({ operation: z.string(), params: z.unknown() }),
  paused: z.boolean(),
  owner: z.string().optional().meta({ description: 'Of the API key that it was put with.' }),
  nextRunAt: z.iso.datetime().optional().meta({ description: 'Absent while it is paused.' }),
  lastRun: z
    .object({ at: z.iso.datetime().meta({ description: 'The time that it was for.' }), ...shownShape })
    .optional()
    .meta({ description: 'The run that ended last.' }),
});

const removedAnswer = z.object({ status: z.literal('removed') });

const listAnswer = z.object({ schedules: z.array(scheduleAnswer) });

const ID = {
  in: 'path',
  name: 'id',
  description: 'Of the schedule: 1 to 100 letters, digits, `.`, `_` and `-`, the first a letter or digit.',
  schema: { type: 'string' },
  required: true,
} as const;

const READ_PROBLEMS = ['BAD_REQUEST', 'INVALID_QUERY', 'QUEUE_UNAVAILABLE', 'REDIS_REFUSED', 'STOPPING'] as const;
const CHANGE_PROBLEMS = [...READ_PROBLEMS, 'FORBIDDEN', 'OTHER_SITE'] as const;

export function schedulesEndpoints(deps: UpdatesDeps): Endpoint[] {
  return [listSchedules(deps), findSchedule(deps), putSchedule(deps), removeSchedule(deps)];
}

function listSchedules(deps: UpdatesDeps): Endpoint {
  return {
    method: 'get',
    path: '/v1/schedules',
    operationId: 'listSchedules',
    summary: 'All schedules that the API key may know of.',
    description: 'With the next run of each, and with the outcome of the one that ended last.',
    answers: { 200: { description: 'The schedules, by their ids.', schema: listAnswer } },
    problems: READ_PROBLEMS,
    handlers: [
      async (_request, response) => {
        const all = await deps.producer.schedules.list();
        const visible = all.filter((schedule) => maySeeSchedule(accessOf(response), schedule, deps));
        response.json({ schedules: visible.map(shown) });
      },
    ],
  };
}

function findSchedule(deps: UpdatesDeps): Endpoint {
  return {
    method: 'get',
    path: '/v1/schedules/{id}',
    operationId: 'findSchedule',
    summary: 'A schedule.',
    description: 'With its next run, and with the outcome of the one that ended last.',
    parameters: [ID],
    answers: { 200: { description: 'The schedule.', schema: scheduleAnswer } },
    problems: [...READ_PROBLEMS, 'SCHEDULE_NOT_FOUND'],
    handlers: [
      async (request, response) => {
        response.json(shown(await findVisible(deps, request, response)));
      },
    ],
  };
}

function putSchedule(deps: UpdatesDeps): Endpoint {
  return {
    method: 'put',
    path: '/v1/schedules/{id}',
    operationId: 'putSchedule',
    summary: 'Make an update again and again, or change how.',
    description:
      'Each run takes effect once, however many workers there are. Without workers nothing runs; when the first is back, one ' +
      'run makes up for all that were missed. A schedule that is the same already goes on as it is.',
    parameters: [ID],
    body: { [JSON_TYPE]: BODY },
    answers: { 200: { description: 'The schedule as it is now.', schema: scheduleAnswer } },
    problems: [
      ...CHANGE_PROBLEMS,
      ...(['INVALID_JSON', 'BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE', 'BACKPRESSURE'] as const),
      ...(['INVALID_SCHEDULE', 'INVALID_UPDATE', 'INVALID_PARAMS', 'UNKNOWN_OPERATION'] as const),
      ...(['RESERVED_KEY', 'CROSS_SLOT'] as const),
    ],
    handlers: [
      ...jsonBody(deps.admission, [JSON_TYPE]),
      async (request, response) => {
        response.json(shown(await placeOf(response).submit(1, () => put(deps, request, response))));
      },
    ],
  };
}

/** @throws Problem, ValidationError, QueueUnavailableError */
async function put(deps: UpdatesDeps, request: Request, response: Response): Promise<Schedule> {
  const { id = '' } = request.params as { id?: string };
  const body = request.body as unknown;
  if (typeof body !== 'object' || body === null || Array.isArray(body) || 'id' in body) {
    throw new Problem(
      'INVALID_SCHEDULE',
      'the body must be an object with cron or everyMs, and update; the id is in the path',
    );
  }
  const access = accessOf(response);
  // What the body holds is the client's word: the producer checks it, not the compiler.
  return deps.producer.schedules.put({ ...body, id } as ScheduleRequest<never>, {
    owner: access?.owner,
    authorize: (update, replaced) => {
      if (access === undefined) {
        return;
      }
      refuseTooOften(body, response); // which is valid by now
      refuseForbidden(access, [update], (_, path) => `update.${path}`);
      if (replaced !== undefined && !maySeeSchedule(access, replaced, deps)) {
        throw new Problem(
          'FORBIDDEN',
          'another schedule has this id, which the API key may not change: take another id',
        );
      }
    },
  });
}

/** A schedule goes on by itself: what it submits is counted by no rate. */
function refuseTooOften(recurrence: Recurrence, response: Response): void {
  const rate = allowanceOf(response)?.rate;
  if (rate !== undefined && exceeds(recurrence, { jobs: rate.updates, withinMs: rate.windowSeconds * 1_000 })) {
    throw new Problem('FORBIDDEN', `${describeRate(rate)}, and the schedule has more runs: let it run less often`);
  }
}

const BODY = {
  type: 'object',
  properties: {
    cron: { type: 'string', description: 'A cron expression of 5 fields, or 6 with seconds first. This or `everyMs`.' },
    timeZone: { type: 'string', description: 'That the cron expression is meant in.', default: 'UTC' },
    everyMs: { type: 'integer', minimum: 1_000, maximum: 31_536_000_000, description: 'The first time at once.' },
    paused: { type: 'boolean', default: false },
    update: {
      allOf: [{ $ref: '#/components/schemas/Update' }],
      description: 'Without `idempotencyKey`, `delayMs`, `runAt` and `priority`: each run is an update of its own.',
    },
  },
  required: ['update'],
  additionalProperties: false,
} as const;

function removeSchedule(deps: UpdatesDeps): Endpoint {
  return {
    method: 'delete',
    path: '/v1/schedules/{id}',
    operationId: 'removeSchedule',
    summary: 'Remove a schedule.',
    description: 'No run of it begins any more, but for one that is due already.',
    parameters: [ID],
    answers: { 200: { description: 'It is removed.', schema: removedAnswer } },
    problems: [...CHANGE_PROBLEMS, 'SCHEDULE_NOT_FOUND'],
    handlers: [
      async (request, response) => {
        if (accessOf(response)?.readOnly === true) {
          throw new Problem('FORBIDDEN', 'this API key may only read');
        }
        const { id } = await findVisible(deps, request, response);
        await deps.producer.schedules.remove(id);
        response.json({ status: 'removed' });
      },
    ],
  };
}

async function findVisible(deps: UpdatesDeps, request: Request, response: Response): Promise<Schedule> {
  const { id = '' } = request.params as { id?: string };
  const found = await deps.producer.schedules.get(id);
  if (found === undefined || !maySeeSchedule(accessOf(response), found, deps)) {
    throw new Problem('SCHEDULE_NOT_FOUND', 'no schedule has this id');
  }
  return found;
}

function maySeeSchedule(
  access: Access | undefined,
  { update }: Schedule,
  { registry, keys }: Pick<UpdatesDeps, 'registry' | 'keys'>,
): boolean {
  const context: CheckContext = { registry, isReservedKey: keys.isReserved, slotOf: () => NO_SLOT };
  try {
    return access === undefined || maySee(access, checkUpdate(update, context));
  } catch {
    return false;
  }
}

function shown({ nextRunAt, lastRun, ...schedule }: Schedule) {
  return {
    ...schedule,
    ...(nextRunAt && { nextRunAt: nextRunAt.toISOString() }),
    ...(lastRun && { lastRun: { at: lastRun.at.toISOString(), ...shownOutcome(lastRun.outcome) } }),
  };
}
