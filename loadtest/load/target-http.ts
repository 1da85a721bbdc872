import { Pool } from 'undici';
import { z } from 'zod';
import { parseUpdateId } from '../../src/jobs/job-id.js';
import type { Outcome } from '../../src/index.js';
import { LateOutcomes } from './late-outcomes.js';
import type { AcceptedUpdate, Answer, Target } from './target.js';

export interface HttpTargetOptions {
  /** Where the API is, for example `http://127.0.0.1:3000`. */
  readonly origin: string;
  readonly apiKey: string | undefined;
}

/** Connections that are kept open; requests beyond wait for one, and that counts in their times. */
const CONNECTIONS = 256;

/** How long a request waits for its outcomes. What takes longer is asked for later, so that no backlog holds connections. */
const WAIT_MS = 1_000;

const REQUEST_TIMEOUT_MS = 30_000;

const reason = { reason: z.string(), message: z.string() };
const repeat = { duplicate: z.literal(true).optional() };
const shown = z.discriminatedUnion('status', [
  z.object({ id: z.string(), status: z.literal('accepted') }),
  z.object({ id: z.string(), status: z.literal('applied'), result: z.unknown(), ...repeat }),
  z.object({ id: z.string(), status: z.literal('rejected'), ...reason, ...repeat }),
  z.object({ id: z.string(), status: z.literal('conflict'), ...reason }),
  z.object({ id: z.string(), status: z.literal('cancelled'), ...reason }),
  z.object({ id: z.string(), status: z.literal('failed'), ...reason }),
  z.object({ id: z.string(), status: z.literal('unknown'), ...reason }),
]);
type Shown = z.output<typeof shown>;
const answer = z.object({ updates: z.array(shown) });
const problem = z.object({
  code: z.string(),
  detail: z.string(),
  accepted: z.enum(['none', 'some', 'unknown']).optional(),
});

/** Sends requests to the HTTP API, over connections that are kept open. */
export function httpTarget({ origin, apiKey }: HttpTargetOptions): Target {
  const pool = new Pool(origin, {
    connections: CONNECTIONS,
    headersTimeout: REQUEST_TIMEOUT_MS,
    bodyTimeout: REQUEST_TIMEOUT_MS,
  });
  const headers = {
    'content-type': 'application/json',
    ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
  };
  const late = new LateOutcomes(async (id) => {
    const { statusCode, body } = await pool.request({ method: 'GET', path: `/v1/updates/${id}`, headers });
    const json = await body.json();
    if (statusCode !== 200) {
      throw new Error(wordsOf(statusCode, json));
    }
    return outcomeOf(shown.parse(json));
  });
  return {
    send: async (updates) => {
      const body = JSON.stringify(updates.length === 1 ? updates[0] : updates);
      try {
        const path = `/v1/updates?wait=${WAIT_MS}`;
        const response = await pool.request({ method: 'POST', path, headers, body });
        return understood(response.statusCode, await response.body.json(), late);
      } catch (error) {
        return { accepted: neverSent(error) ? 'none' : 'unknown', message: messageOf(error) };
      }
    },
    close: async () => {
      late.close();
      await pool.destroy();
    },
  };
}

function understood(statusCode: number, json: unknown, late: LateOutcomes): Answer {
  if (statusCode === 200) {
    return { accepted: 'all', updates: answer.parse(json).updates.map((update) => acceptedUpdate(update, late)) };
  }
  const { accepted = statusCode < 500 ? 'none' : 'unknown' } = problem.safeParse(json).data ?? {};
  return { accepted: accepted === 'none' ? 'none' : 'unknown', message: wordsOf(statusCode, json) };
}

function acceptedUpdate(update: Shown, late: LateOutcomes): AcceptedUpdate {
  const outcome = outcomeOf(update);
  const isRepeat = outcome !== undefined && 'duplicate' in outcome;
  return {
    jobId: isRepeat ? undefined : parseUpdateId(update.id)?.jobId,
    outcome: outcome === undefined ? late.wait(update.id) : Promise.resolve(outcome),
  };
}

function outcomeOf(update: Shown): Outcome | undefined {
  switch (update.status) {
    case 'accepted':
      return undefined;
    case 'applied':
      return { status: 'applied', result: update.result, ...(update.duplicate && { duplicate: true }) };
    case 'rejected': {
      const { reason, message, duplicate } = update;
      return { status: 'rejected', reason, message, ...(duplicate && { duplicate }) };
    }
    case 'conflict':
    case 'cancelled':
    case 'failed':
    case 'unknown': {
      const { status, reason, message } = update;
      return { status, reason, message };
    }
  }
}

function wordsOf(statusCode: number, json: unknown): string {
  const { code, detail } = problem.safeParse(json).data ?? {};
  return code === undefined ? `answered with ${statusCode}` : `${statusCode} ${code}: ${detail ?? ''}`;
}

/** Whether no byte of a request can have reached the API. */
function neverSent(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'UND_ERR_CONNECT_TIMEOUT';
}

function messageOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return message === '' ? String(code) : message;
}
