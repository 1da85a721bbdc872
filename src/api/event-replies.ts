import type { Request, RequestHandler, Response } from 'express';
import type { OutcomeEvent } from '../subscribers/event.js';
import type { Submitted } from './submit.js';

const STRUCTURED = 'application/cloudevents+json';
const BATCH = 'application/cloudevents-batch+json';

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

/** Answers with the events of a request: one, or those of a batch. */
export function answerEvents(events: readonly OutcomeEvent[], isBatch: boolean, response: Response): void {
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
