import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import { signedInOf } from './access/signed-in.js';
import { whatToDo } from './documents/links.js';
import { OnceAWhile } from '../src/lib/once-a-while.js';
import { OVERVIEW_PATH } from './overview/links.js';
import { html } from '../src/web/html.js';
import type { Html } from '../src/web/html.js';
import { MasterUnreachableError } from './master-unreachable.js';
import { PAGE_ASSETS } from './page-script.js';
import { sendPage } from './page.js';
import { timeAt, ZONE } from './time.js';
import { durationWords } from './words.js';
import { publicErrorOf } from './public-error.js';
import type { PublicError } from './public-error.js';

/** A request that is refused, with words for whoever sent it. */
export class HttpError extends Error {
  constructor(
    readonly status: 401 | 403 | 421,
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'Refusal';
  }
}

/** Answers what went wrong: the fault of the request in words, our own only by its place in the log. */
export function answerErrors(logger: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    if (error instanceof MasterUnreachableError) {
      answerMasterUnreachable(error, request, response);
      return;
    }
    const { status = 500, message = '' } = error as { status?: number; message?: string };
    if (status < 500) {
      const code = error instanceof HttpError ? error.code : 'BAD_REQUEST';
      answerRefused({ status, code, message }, request, response);
      return;
    }
    const answer = publicErrorOf(error);
    logPublicError(logger, answer, error, request);
    answerPublicError(answer, request, response);
  };
}

/** There is no such page. Programs get what whoever serves the dashboard says of other paths. */
export const answerNotFound: RequestHandler = (request, response, next) => {
  if (!request.path.startsWith(`${OVERVIEW_PATH}/`) || request.accepts(['json', 'html']) !== 'html') {
    next();
    return;
  }
  const message = `there is nothing at ${request.path}`;
  answerRefused({ status: 404, code: 'NOT_FOUND', message }, request, response);
};

const REFUSED_TITLES: Readonly<Record<number, string>> = { 401: 'Sign in first', 403: 'Not allowed', 404: 'Not found' };

/** A browser gets a page with the way back, programs and the board what they can read. */
function answerRefused(
  { status, code, message }: { readonly status: number; readonly code: string; readonly message: string },
  request: Request,
  response: Response,
): void {
  response.status(status);
  if (request.accepts(['json', 'html']) !== 'html') {
    response.json({ error: code, message });
    return;
  }
  const content = html`<p class="card warning">${message}.</p>
    <p><a href="${OVERVIEW_PATH}">To the overview</a></p>`;
  sendPage(response, { title: REFUSED_TITLES[status] ?? 'Not possible', user: signedInOf(response), content });
}

/** By logger, as each dashboard has one of its own. */
const repeated = new WeakMap<Logger, OnceAWhile>();

/**
 * What is no fault of whoever asked stands in the log, with its cause. That Redis fails, an open page meets every few seconds: that is
 * said once a minute.
 */
export function logPublicError(logger: Logger, answer: PublicError, error: unknown, request?: Request): void {
  const { status, error: code, redisCode } = answer;
  const facts = { err: error, code, ...(redisCode && { redisCode }), method: request?.method, path: request?.path };
  const message = 'the dashboard could not answer';
  if (status !== 503) {
    logger.error(facts, message);
    return;
  }
  const said = repeated.get(logger) ?? new OnceAWhile();
  repeated.set(logger, said);
  said.came(redisCode ?? code, (times) => {
    logger.warn({ ...facts, times }, message);
  });
}

function answerPublicError({ status, ...answer }: PublicError, request: Request, response: Response): void {
  response.status(status);
  if (status === 503) {
    response.set('Retry-After', '5');
    if (request.accepts(['json', 'html']) === 'html') {
      const { error, redisCode = '', message, sinceMs } = answer;
      const refuses = error === 'REDIS_REFUSED';
      const words =
        sinceMs === undefined
          ? html`${message}.`
          : html`Redis has not answered since ${timeAt(sinceMs)} (${ZONE}), for ${durationWords(Date.now() - sinceMs)}.
            Updates are not accepted and not applied until it does; what was accepted is kept.`;
      sendTrouble(response, {
        title: refuses ? 'Redis refuses' : 'Redis does not answer',
        words: html`${words}
        ${NO_WRITES.has(redisCode) && html`Nothing can be changed and nobody can sign in until then: who has signed in can look.`}`,
        runbook: refuses ? 'TallyRedisRefuses' : 'TallyRedisDown',
      });
      return;
    }
  }
  response.json(answer);
}

/** Codes with which Redis takes no writes, of a session neither. */
const NO_WRITES: ReadonlySet<string> = new Set(['OOM', 'READONLY', 'NOREPLICAS', 'MISCONF']);

interface SaidTrouble {
  readonly title: string;
  readonly words: Html;
  /** The part that says what to do. */
  readonly runbook: string;
}

/** What stands in `.trouble`, a page that is open takes over. */
function sendTrouble(response: Response, { title, words, runbook }: SaidTrouble): void {
  const content = html`<p class="card error trouble">${words} ${whatToDo(runbook)}</p>`;
  sendPage(response, { title, user: signedInOf(response), content, assets: PAGE_ASSETS });
}

/** A browser gets a page, the board and programs what they can read. */
function answerMasterUnreachable(
  { status, message }: MasterUnreachableError,
  request: Request,
  response: Response,
): void {
  response.status(status).set('Retry-After', '5');
  if (request.accepts(['json', 'html']) === 'html') {
    sendTrouble(response, {
      title: 'A Redis master is unreachable',
      words: html`${message}. What lies on other masters works. This does so again by itself, once that one is back or a
      replica has taken its place.`,
      runbook: 'The dashboard while a master is unreachable',
    });
  } else {
    response.json({ error: 'MASTER_AWAY', message });
  }
}
