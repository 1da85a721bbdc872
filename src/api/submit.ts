import type { Request, Response } from 'express';
import type { Logger } from 'pino';
import { z } from 'zod';
import { IdempotencyConflictError, TallyError, ValidationError } from '../errors.js';
import type { ValidationIssue } from '../errors.js';
import type { Outcome } from '../operations/outcome.js';
import type { Operation } from '../operations/operation.js';
import type { BuiltInOperation } from '../operations/registry.js';
import type { Producer } from '../producers/producer.js';
import type { SubmitOptions } from '../producers/shortcuts.js';
import type { Submission } from '../producers/submission.js';
import { accessOf } from './access/access.js';
import { placeOf } from './admission/admission.js';
import type { Admission } from './admission/admission.js';
import { refuseForbidden, requireIdempotencyKeys } from './access/forbidden.js';
import { shownOutcome } from './response-schemas.js';
import { problemOfErrors } from '../web/problems.js';
import type { ProblemError } from '../web/problems.js';
import { noteJobs, traceOf } from '../web/request-log.js';
import type { Drain } from '../web/drain.js';

const MAX_WAIT_MS = 30_000;

const waitError = `must be a whole number of ms from 0 to ${MAX_WAIT_MS}`;

/** The query of all requests that submit. */
export const submitQuery = z.strictObject({
  wait: z
    .preprocess(
      (text) => (typeof text === 'string' && /^\d{1,5}$/.test(text) ? Number(text) : text),
      z.int({ error: waitError }).min(0, waitError).max(MAX_WAIT_MS, waitError),
    )
    .optional()
    .meta({
      description: 'How long to wait for outcomes, in ms. With it the answer is 200, and `accepted` what is not done.',
    }),
});

/** One that may know any operations. */
type AnyProducer = Producer<BuiltInOperation | Operation>;

export interface SubmitDeps {
  readonly producer: AnyProducer;
  readonly drain: Drain;
  readonly logger: Logger;
  readonly admission: Admission;
}

/** How a request holds its updates, for the paths of what is wrong with them. */
export interface RequestForm {
  /** Where the update of this index stands: empty for the body itself. */
  readonly placeOf: (index: number) => string;
  /** The names that the request has for `operation`, `params` and `idempotencyKey`. @defaultValue these */
  readonly names?: Readonly<Record<string, string>>;
}

/** Updates that were submitted, with what is known of each. */
export interface Submitted {
  readonly submissions: readonly Submission[];
  /** In their order; undefined for what is not there yet. */
  readonly outcomes: readonly (Outcome | undefined)[];
}

/** The updates of a request, as it holds them, and how long to wait for their outcomes. */
interface SubmitRequest {
  readonly updates: unknown;
  readonly form: RequestForm;
  readonly waitMs: number | undefined;
}

/** Submits all updates of a request, or none. */
export async function submitAll(
  deps: SubmitDeps,
  { updates, form, waitMs }: SubmitRequest,
  request: Request,
  response: Response,
): Promise<Submitted> {
  const count = Array.isArray(updates) ? updates.length : 1;
  response.locals['updates'] = count;
  const submissions = await placeOf(response).submit(count, () =>
    submit(deps.producer, updates, form, optionsOf(request, response, form)),
  );
  noteJobs(response, submissions);
  return { submissions, outcomes: await outcomesOf(submissions, waitMs, deps) };
}

/** How many updates a request holds; 1 as long as that is not known, as its body was not read. */
export function heldUpdates({ locals }: Response): number {
  return (locals['updates'] as number | undefined) ?? 1;
}

/** Answers with what is known of some updates. */
export async function answerOutcomes(
  submissions: readonly Submission[],
  waitMs: number | undefined,
  deps: Pick<SubmitDeps, 'drain' | 'logger'>,
  response: Response,
): Promise<void> {
  answerSubmitted({ submissions, outcomes: await outcomesOf(submissions, waitMs, deps) }, waitMs, response);
}

/** Answers with what is known of updates that were submitted. */
export function answerSubmitted(
  { submissions, outcomes }: Submitted,
  waitMs: number | undefined,
  response: Response,
): void {
  response.status(waitMs === undefined ? 202 : 200).json({
    updates: submissions.map(({ id }, index) => ({ id, ...shownOutcome(outcomes[index]) })),
  });
}

type SubmitManyOptions = Omit<SubmitOptions, 'idempotencyKey'>;

function optionsOf(request: Request, response: Response, form: RequestForm): SubmitManyOptions {
  const options = { refuseConflicts: true, trace: traceOf(request) };
  const access = accessOf(response);
  if (access === undefined) {
    return options;
  }
  return {
    ...options,
    ...(access.owner !== undefined && { idempotencyOwner: access.owner }),
    authorize: (updates) => {
      const place = (index: number, path: string) => placeIn(form, index, path);
      refuseForbidden(access, updates, place);
      requireIdempotencyKeys(access, updates, place);
    },
  };
}

/** What the body holds is the client's word: the producer checks it, not the compiler. */
interface Unchecked {
  operation: 'counter.increment';
  params: { key: string };
}

async function submit(
  producer: AnyProducer,
  updates: unknown,
  form: RequestForm,
  options: SubmitManyOptions,
): Promise<readonly Submission[]> {
  try {
    return Array.isArray(updates)
      ? await producer.submit(updates as Unchecked[], options)
      : [await producer.submit(updates as Unchecked, options)];
  } catch (error) {
    throw inWordsOfRequest(error, form);
  }
}

/** Names what is wrong as the request does: `[3].data.by` for `[3].params.by`. */
function inWordsOfRequest(error: unknown, form: RequestForm): unknown {
  if (error instanceof IdempotencyConflictError) {
    const message = 'was used before for another update; use a new key for a new update';
    const errors = error.indexes.map((index): ProblemError => {
      return { path: placeIn(form, index, 'idempotencyKey'), code: error.code, message };
    });
    return problemOfErrors('IDEMPOTENCY_CONFLICT', errors as [ProblemError, ...ProblemError[]], { accepted: 'none' });
  }
  if (error instanceof ValidationError && form.names !== undefined) {
    const { names } = form;
    const renamed = error.issues.map((issue) => ({ ...issue, path: renamedPath(issue.path, names) }));
    return new ValidationError(renamed as [ValidationIssue, ...ValidationIssue[]]);
  }
  return error;
}

/** How the request names a place within one of its updates: `[3].data.by` for `params.by`. */
function placeIn({ placeOf, names = {} }: RequestForm, index: number, path: string): string {
  return [placeOf(index), renamedPath(path, names)].filter((part) => part !== '').join('.');
}

function renamedPath(path: string, names: Readonly<Record<string, string>>): string {
  return path.replace(/^((?:\[\d+\]\.?)?)(\w+)/, (_, place: string, name: string) => place + (names[name] ?? name));
}

/** The outcomes that are there in time. Without a wait, those that were there before the request. */
async function outcomesOf(
  submissions: readonly Submission[],
  waitMs: number | undefined,
  { drain, logger }: Pick<SubmitDeps, 'drain' | 'logger'>,
): Promise<(Outcome | undefined)[]> {
  const outcomes: (Outcome | undefined)[] = submissions.map(() => undefined);
  const asked = submissions.map(async (submission, index) => {
    if (waitMs === undefined && !submission.isRepeat) {
      return;
    }
    try {
      outcomes[index] = await submission.outcome({ timeoutMs: waitMs ?? 0 });
    } catch (error) {
      // Not in time, or not to be found any more; an operation of the user's own may also fail to tell its result.
      if (!(error instanceof TallyError)) {
        logger.error({ err: error, update: submission.id }, 'could not tell the outcome of an update');
      }
    }
  });
  await drain.orBegun(Promise.all(asked));
  return outcomes;
}
