import type { Request, RequestHandler, Response } from 'express';
import { shownOutcome } from './response-schemas.js';
import type { Submitted } from './submit.js';

const STRUCTURED = 'application/cloudevents+json';
const BATCH = 'application/cloudevents-batch+json';

/** What an event asked for. */
interface Asked {
  readonly operation: string;
  readonly params: unknown;
}

/** Whether the sender wants outcomes as events, as Knative says it: https://www.rfc-editor.org/rfc/rfc7240. */
export function wantsReply({ headers }: Request): boolean {
  return String(headers['prefer'] ?? '')
    .split(',')
    .some((preference) => /^\s*reply\s*(;|$)/i.test(preference));
}

/** Redis has them: without a body, which brokers would take for an event. */
export function answerAccepted({ submissions }: Submitted, response: Response): void {
  const [first, ...others] = submissions;
  if (first !== undefined && others.length === 0) {
    response.location(`/v1/updates/${encodeURIComponent(first.id)}`);
  }
  response.status(202).end();
}

/** Answers with the outcomes as events of the ids that they are told with; while one is not there, as without a wait. */
export function reply(
  submitted: Submitted,
  asked: readonly Asked[],
  isBatch: boolean,
  namespace: string,
  response: Response,
) {
  const { submissions, outcomes } = submitted;
  const events = submissions.flatMap(({ id, jobId }, index) => {
    const [outcome, { operation = '', params = {} } = {}] = [outcomes[index], asked[index]];
    const { key } = params as { key?: unknown };
    return outcome === undefined
      ? []
      : {
          specversion: '1.0',
          id: `${id}:${outcome.status}`,
          source: `/tally/${namespace}`,
          type: `tally.${operation}.${outcome.status}`,
          ...(typeof key === 'string' && { subject: key }),
          time: new Date().toISOString(),
          datacontenttype: 'application/json',
          data: { id, jobId, operation, ...shownOutcome(outcome) },
        };
  });
  if (events.length < submissions.length) {
    answerAccepted(submitted, response);
    return;
  }
  response.status(200).type(isBatch ? BATCH : STRUCTURED);
  response.send(JSON.stringify(isBatch ? events : events[0]));
}

/**
 * Answers senders who ask whether they may send, as CloudEvents' webhooks 1.0.2 have them: anybody may ask, and needs an API key to
 * send. Without a name it is no such question.
 */
export const answerHandshake: RequestHandler = ({ headers }, response, next) => {
  const origin = headers['webhook-request-origin'];
  if (typeof origin !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(origin)) {
    next();
    return;
  }
  response.set({ Allow: 'POST', 'WebHook-Allowed-Origin': origin, 'WebHook-Allowed-Rate': '*' });
  response.status(200).end();
};
