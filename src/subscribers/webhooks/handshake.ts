import { request } from 'undici';
import { TallyError } from '../../errors.js';
import type { Sending } from './attempt-delivery.js';
import { ForbiddenTargetError } from './target.js';
import { MAX_PER_MINUTE } from './webhook.js';

/** The target did not allow that it is sent events. */
class HandshakeError extends TallyError {
  override readonly name = 'HandshakeError';

  constructor(message: string, options?: ErrorOptions) {
    super('HANDSHAKE_FAILED', message, options);
  }
}

const HOW =
  'let it answer OPTIONS with WebHook-Allowed-Origin, see docs/webhooks.md; who runs both may add it by hand with --no-handshake';

/**
 * Asks a target whether it may be sent events, as CloudEvents' webhooks 1.0.2 have it: so nobody makes Tally send to somebody who
 * did not ask for it.
 *
 * @returns how many a minute it allows; undefined for no limit
 * @throws HandshakeError, or ForbiddenTargetError
 */
export async function askTarget(
  url: URL,
  { origin, perMinute, token }: { readonly origin: string; readonly perMinute?: number; readonly token?: string },
  { agent, timeoutMs }: Sending,
): Promise<number | undefined> {
  const headers = await answerOf(url, agent, timeoutMs, {
    'webhook-request-origin': origin,
    ...(perMinute !== undefined && { 'webhook-request-rate': String(perMinute) }),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  });
  const allowed = headers['webhook-allowed-origin'];
  if (allowed !== '*' && String(allowed).toLowerCase() !== origin.toLowerCase()) {
    throw new HandshakeError(`the target does not allow events of "${origin}": ${HOW}`);
  }
  const rate = headers['webhook-allowed-rate'];
  return typeof rate === 'string' && /^[1-9]\d{0,8}$/.test(rate) ? Math.min(Number(rate), MAX_PER_MINUTE) : undefined;
}

/** The status says nothing: who knows of no handshake may answer anything to OPTIONS. */
async function answerOf(url: URL, agent: Sending['agent'], timeoutMs: number, headers: Record<string, string>) {
  try {
    const answer = await request(url, {
      method: 'OPTIONS',
      dispatcher: agent,
      signal: AbortSignal.timeout(timeoutMs),
      headers,
    });
    await answer.body.dump().catch(() => undefined);
    return answer.headers;
  } catch (error) {
    const cause = (error as Error).cause ?? error;
    if (cause instanceof ForbiddenTargetError) {
      throw cause;
    }
    throw new HandshakeError(
      `the target could not be asked (${(cause as NodeJS.ErrnoException).code ?? 'no answer'}): ${HOW}`,
      {
        cause: error,
      },
    );
  }
}
