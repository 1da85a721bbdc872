import { request } from 'undici';
import type { Agent } from 'undici';
import { MESSAGE_TYPE, messageId, signedHeaders } from './message.js';
import { holdOf } from './retry-schedule.js';
import { checkTarget, ForbiddenTargetError } from './target.js';
import type { TargetPolicy } from './target.js';
import type { SentEvent } from './delivery-queue.js';
import type { Webhook } from './webhook.js';

/** How an attempt ended. */
export type Attempted =
  | { readonly is: 'delivered'; readonly status: number }
  /** The target has been given up by whoever runs it. */
  | { readonly is: 'gone' }
  | { readonly is: 'failed'; readonly why: string; readonly holdMs?: number };

/** What a request is made with. */
export interface Sending {
  readonly agent: Agent;
  readonly policy: TargetPolicy;
  readonly timeoutMs: number;
}

/** A webhook with its secrets open. */
export interface OpenWebhook extends Pick<Webhook, 'url' | 'origin'> {
  readonly secrets: readonly string[];
  readonly token?: string | undefined;
}

/** Makes one attempt to tell a target of an event. Never throws: whatever goes wrong is how the attempt ended. */
export async function attemptDelivery(
  event: SentEvent,
  webhook: OpenWebhook,
  { agent, policy, timeoutMs }: Sending,
  at: Date,
): Promise<Attempted> {
  const body = JSON.stringify(event);
  try {
    const url = checkTarget(webhook.url, policy);
    const {
      statusCode,
      headers,
      body: answer,
    } = await request(url, {
      method: 'POST',
      dispatcher: agent,
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        'content-type': MESSAGE_TYPE,
        'user-agent': 'tally',
        'webhook-request-origin': webhook.origin,
        ...(webhook.token !== undefined && { authorization: `Bearer ${webhook.token}` }),
        ...signedHeaders(messageId(event), body, webhook.secrets, at),
      },
      body,
    });
    await answer.dump().catch(() => undefined); // what it says counts for nothing, and is shown to nobody
    return judge(statusCode, firstOf(headers['retry-after']));
  } catch (error) {
    return { is: 'failed', why: reasonOf(error as Error) };
  }
}

function judge(status: number, retryAfter: string | undefined): Attempted {
  if (status >= 200 && status < 300) {
    return { is: 'delivered', status };
  }
  if (status === 410) {
    return { is: 'gone' };
  }
  const isRedirect = status >= 300 && status < 400;
  const why = `the target answered ${status}${isRedirect ? ', and redirects are not followed' : ''}`;
  const holdMs = holdOf(retryAfter);
  return { is: 'failed', why, ...(holdMs !== undefined && { holdMs }) };
}

function firstOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

/** Without addresses that a name leads to, but for one that is forbidden: they are no matter of whoever added the webhook. */
function reasonOf(error: Error): string {
  const cause = error.cause instanceof Error ? error.cause : error;
  if (cause instanceof ForbiddenTargetError) {
    return `the target is forbidden: ${cause.message}`;
  }
  const { code } = cause as NodeJS.ErrnoException;
  return error.name === 'TimeoutError' ? 'the target did not answer in time' : `no answer (${code ?? cause.name})`;
}
