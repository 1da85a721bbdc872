import * as crypto from 'node:crypto';
import type { Job } from 'bullmq';
import { bullmq } from '../../bullmq/bullmq.js';
import type { Connection } from '../../redis/connection.js';
import type { Keys } from '../../redis/keys.js';
import type { Script, ScriptRunner } from '../../redis/scripts.js';
import { attemptDelivery } from './attempt-delivery.js';
import type { Sending } from './attempt-delivery.js';
import type { Delivery } from './delivery-queue.js';
import type { InFlight } from './in-flight.js';
import type { KnownWebhooks } from './known-webhooks.js';
import type { Seal } from './seal.js';
import { whyNotSent } from './webhook.js';
import type { DisabledWhy, Webhook } from './webhook.js';

export interface DeliverDeps {
  readonly redis: Connection;
  readonly keys: Pick<Keys, 'webhookTurns'>;
  readonly scripts: ScriptRunner;
  readonly takeTurn: Script;
  readonly known: KnownWebhooks;
  readonly seal: Seal;
  /** Of each target: what an owner has at a server. */
  readonly inFlight: InFlight;
  /** Of each owner of API keys: who has many webhooks does not keep others waiting with them. */
  readonly ofOwners: InFlight;
  readonly sending: Sending;
  /** Redis' time, so that one wrong clock does not make all receivers refuse what this process signs. */
  readonly now: () => Date;
}

/** An attempt that failed, with how long the target asked to be left alone. */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError';

  constructor(
    message: string,
    readonly holdMs: number | undefined,
  ) {
    super(message);
  }
}

const MINUTE_MS = 60_000;

/**
 * Makes an attempt at a delivery.
 *
 * @returns what became of it, for the board
 * @throws DeliveryError when it is to be tried again; DelayedError when its turn has not come, which is no attempt
 */
export async function deliver(job: Job<Delivery, string>, token: string, deps: DeliverDeps): Promise<string> {
  const { event, webhook: id } = job.data;
  const webhook = await deps.known.find(id);
  if (webhook === undefined) {
    if (deps.known.unreadable.includes(id)) {
      throw new DeliveryError('a newer version of Tally has to deliver it', undefined);
    }
    return 'not sent: the webhook was removed';
  }
  const why = whyNotSent(webhook);
  if (why !== undefined) {
    throw new (bullmq().UnrecoverableError)(`not sent: the webhook is disabled (${why})`);
  }
  await waitForTurn(job, token, webhook, deps);
  const begunAtMs = performance.now();
  try {
    const attempted = await attemptDelivery(event, open(webhook, deps), deps.sending, deps.now());
    const tookMs = Math.round(performance.now() - begunAtMs);
    switch (attempted.is) {
      case 'delivered':
        return `${attempted.status} after ${tookMs} ms`;
      case 'gone':
        await deps.known.disable(id, 'GONE' satisfies DisabledWhy);
        throw new (bullmq().UnrecoverableError)('the target answered 410: the webhook is disabled');
      case 'failed':
        if (attempted.holdMs !== undefined) {
          await askForTurn(targetOf(webhook), deps, 0, attempted.holdMs);
        }
        throw new DeliveryError(attempted.why, attempted.holdMs);
    }
  } finally {
    leavePlaces(webhook, deps, performance.now() - begunAtMs);
  }
}

function open(webhook: Webhook, { seal, now }: DeliverDeps) {
  const { id, url, origin, signing, token } = webhook;
  const valid = signing.filter(({ untilMs }) => untilMs === undefined || untilMs > now().getTime());
  const secrets = valid.map(({ sealed }) => seal.open(sealed, id));
  return { url, origin, secrets, ...(token !== undefined && { token: seal.open(token, id) }) };
}

/** Takes a place at the target; without one the job comes back for it, which does not count as an attempt. */
async function waitForTurn(job: Job<Delivery, string>, token: string, webhook: Webhook, deps: DeliverDeps) {
  const { data, attemptsMade } = job;
  const { perMinute } = webhook;
  const hasTurn = perMinute === undefined || data.turnOf === attemptsMade;
  const waits = await Promise.all([
    hasTurn ? 0 : askForTurn(webhook.id, deps, MINUTE_MS / perMinute, 0),
    askForTurn(targetOf(webhook), deps, 0, 0),
  ]);
  const waitMs = Math.max(...waits);
  if (waitMs > 0) {
    if (!hasTurn) {
      await job.updateData({ ...data, turnOf: attemptsMade });
    }
    await putOff(job, token, waitMs);
  }
  const forPlaceMs = enterPlaces(webhook, deps);
  if (forPlaceMs > 0) {
    if (!hasTurn) {
      await job.updateData({ ...data, turnOf: attemptsMade });
    }
    await putOff(job, token, forPlaceMs);
  }
}

/** A place at the target, and one among those of its owner. @returns how long to wait in ms; 0 when both are taken */
function enterPlaces(webhook: Webhook, { inFlight, ofOwners }: DeliverDeps): number {
  const { owner } = webhook;
  const waitMs = inFlight.enter(targetOf(webhook));
  if (waitMs > 0 || owner === undefined) {
    return waitMs;
  }
  const ofOwnerMs = ofOwners.enter(owner);
  if (ofOwnerMs > 0) {
    inFlight.leave(targetOf(webhook));
  }
  return ofOwnerMs;
}

function leavePlaces(webhook: Webhook, { inFlight, ofOwners }: DeliverDeps, tookMs: number): void {
  const { owner } = webhook;
  inFlight.leave(targetOf(webhook), tookMs);
  if (owner !== undefined) {
    ofOwners.leave(owner, tookMs);
  }
}

/**
 * The server that a webhook leads to, as its owner's: he shares the places there among his webhooks, and what it answers him holds up
 * nobody else. A digest, as it becomes part of a key.
 */
function targetOf({ owner, url }: Webhook): string {
  return crypto.hash('sha256', JSON.stringify([owner ?? null, new URL(url).origin]), 'base64url');
}

/** @param name of a webhook, for its rate, or of a target, for what holds there @returns how long to wait in ms */
async function askForTurn(name: string, deps: DeliverDeps, intervalMs: number, holdMs: number): Promise<number> {
  const { scripts, takeTurn, keys } = deps;
  return Number(await scripts.run(takeTurn, [keys.webhookTurns(name)], [Math.ceil(intervalMs), Math.ceil(holdMs)]));
}

async function putOff(job: Job, token: string, ms: number): Promise<never> {
  await job.moveToDelayed(Date.now() + ms, token);
  throw new (bullmq().DelayedError)();
}
