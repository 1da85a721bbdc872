import { Webhook as Signer } from 'standardwebhooks';
import type { OutcomeEvent } from '../event.js';

/** What is sent in the body: CloudEvents' structured mode. */
export const MESSAGE_TYPE = 'application/cloudevents+json; charset=utf-8';

/** Ids of updates as producers make them. */
const PLAIN_ID = /^[0-9a-f-]{36}_\d{1,5}_[a-z]+(_\d+)?$/;

/**
 * The `webhook-id` of an event: the same in every attempt, and when it is replayed, so that a receiver knows what it has had.
 * Standard Webhooks forbids dots in it, as its parts are joined with dots to be signed.
 */
export function messageId({ id }: Pick<OutcomeEvent, 'id'>): string {
  const plain = id.replace(/[.:]/g, '_');
  return PLAIN_ID.test(plain) ? `msg_${plain}` : `msg_x${Buffer.from(id).toString('base64url')}`;
}

/** The headers that a receiver makes sure of an event by: one signature for each secret. */
export function signedHeaders(id: string, body: string, secrets: readonly string[], at: Date): Record<string, string> {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': secrets.map((secret) => new Signer(secret).sign(id, at, body)).join(' '),
  };
}
