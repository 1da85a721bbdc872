import { ConfigurationError, TallyError } from '../src/errors.js';
import { openStore } from '../src/layout/store.js';
import { createRegistry } from '../src/operations/registry.js';
import { describeCrossing } from '../src/subscribers/filter.js';
import { createOutcomeReader } from '../src/subscribers/outcome-reader.js';
import { openWebhooks } from '../src/subscribers/webhooks/open-webhooks.js';
import { MOST_OF_OWNER, MOST_OF_WEBHOOK } from '../src/subscribers/webhooks/pending-counts.js';
import type { ShownWebhook, Webhooks } from '../src/subscribers/webhooks/webhooks.js';
import { connectionOptions, createContext, findRedis, webhookOptions } from './context.js';
import { filterOfFlags } from './outcomes.js';
import { requiredTime } from './time-flag.js';

export interface AddWebhookFlags {
  readonly operations?: string;
  readonly statuses?: string;
  readonly keyPattern?: readonly string[];
  readonly crosses?: string;
  readonly perMinute?: string;
  readonly token?: string;
  readonly handshake: boolean;
}

export interface ListWebhooksFlags {
  readonly json?: true;
}

export interface ReplayFlags {
  readonly since: string;
  readonly until?: string;
}

const TIMEOUT_MS = 5_000;

/** `tally webhooks add`: the secret is all that goes to stdout, so that a script can keep it. */
export async function addWebhook(url: string, flags: AddWebhookFlags): Promise<void> {
  const { operations, statuses, keyPattern: key, crosses, perMinute, token, handshake } = flags;
  const filter = filterOfFlags({
    ...(operations !== undefined && { operation: listOf(operations) }),
    ...(statuses !== undefined && { status: listOf(statuses) }),
    ...(key && { key }),
    ...(crosses !== undefined && { crosses }),
  });
  const settings = {
    url,
    ...filter,
    ...(perMinute !== undefined && { perMinute: Number(perMinute) }),
    ...(token !== undefined && { token }),
  };
  const { webhook, secret } = await withWebhooks((webhooks) => webhooks.add(settings, { handshake }));
  console.log(secret);
  console.error(`This is the secret of webhook ${lineOf(webhook)}.`);
  console.error('It is shown only now: the receiver verifies signatures with it, see docs/webhooks.md.');
}

/** `tally webhooks list`: no secrets. */
export async function listWebhooks({ json }: ListWebhooksFlags): Promise<void> {
  const webhooks = await withWebhooks((all) => all.list());
  if (json) {
    console.log(JSON.stringify(webhooks));
    return;
  }
  for (const webhook of webhooks) {
    console.log(lineOf(webhook));
  }
}

/** `tally webhooks remove`. */
export async function removeWebhook(id: string): Promise<void> {
  await withWebhooks((webhooks) => webhooks.remove(id));
  console.log(`removed ${id}`);
}

/** `tally webhooks enable` and `disable`. */
export async function enableWebhook(id: string, isEnabled: boolean): Promise<void> {
  console.log(lineOf(await withWebhooks((webhooks) => webhooks.setEnabled(id, isEnabled))));
}

/** `tally webhooks rotate`: prints the new secret. */
export async function rotateSecret(id: string): Promise<void> {
  const { secret } = await withWebhooks((webhooks) => webhooks.rotate(id));
  console.log(secret);
  console.error('Events are signed with the secret before, too, for 24 hours.');
}

/** `tally webhooks replay`. */
export async function replayWebhook(id: string, { since, until }: ReplayFlags): Promise<void> {
  const range = {
    sinceMs: requiredTime('--since', since),
    ...(until !== undefined && { untilMs: requiredTime('--until', until) }),
  };
  const { deliveries, from, to, gap, cut } = await withWebhooks((webhooks) => webhooks.replay(id, range));
  const nothing = cut === undefined ? 'nothing to send again' : 'nothing was added';
  console.log(deliveries === 0 ? nothing : `${deliveries} deliveries, of ${from ?? ''} to ${to ?? ''}`);
  if (gap !== undefined) {
    console.error(
      `tally: what lies between ${gap.from ?? 'the beginning'} and ${gap.to ?? 'now'} is not kept any more`,
    );
  }
  if (cut !== undefined) {
    const [most, whose] = cut.by === 'WEBHOOK' ? [MOST_OF_WEBHOOK, 'it'] : [MOST_OF_OWNER, "its owner's webhooks"];
    console.error(
      `tally: ${most.toLocaleString('en')} deliveries to ${whose} wait; go on with --since ${cut.since} when they are fewer`,
    );
    process.exitCode = 1;
  }
}

async function withWebhooks<Answer>(ask: (webhooks: Webhooks) => Promise<Answer>): Promise<Answer> {
  const context = createContext(process.stderr);
  const options = webhookOptions(context);
  if (options === undefined) {
    throw new ConfigurationError(
      'set TALLY_WEBHOOK_KEY, with which secrets of webhooks are sealed, here and for workers and API: ' +
        'export TALLY_WEBHOOK_KEY=$(openssl rand -base64 32)',
    );
  }
  const { TALLY_NAMESPACE: namespace } = context.config;
  const target = { ...connectionOptions(context, findRedis(context)), connectionName: 'tally-webhooks' };
  const store = openStore({ ...target, timeoutMs: TIMEOUT_MS });
  const registry = createRegistry(context.operations);
  const reader = createOutcomeReader({ store, registry, namespace });
  const opened = openWebhooks({ ...store, registry, reader }, options);
  try {
    return await ask(opened.webhooks);
  } catch (error) {
    throw error instanceof TallyError && error.code === 'FORBIDDEN_TARGET'
      ? new ConfigurationError(`the URL ${error.message}`, { cause: error })
      : error;
  } finally {
    await opened.close();
    reader.close();
    store.close();
  }
}

function lineOf({ id, url, operations, statuses, keys, crosses, perMinute, owner, disabled }: ShownWebhook): string {
  const parts = [
    `${id} ${url}`,
    ...(operations ? [`operations ${operations.join(',')}`] : []),
    ...(statuses ? [`statuses ${statuses.join(',')}`] : []),
    ...(keys ? [`keys ${keys.join(' ')}`] : []),
    ...(crosses ? [`crosses ${describeCrossing(crosses)}`] : []),
    ...(perMinute === undefined ? [] : [`${perMinute} a minute`]),
    ...(owner === undefined ? [] : [`owner ${owner}`]),
    ...(disabled ? [`disabled ${disabled.at} (${disabled.why})`] : []),
  ];
  return parts.join('; ');
}

function listOf(text: string): string[] {
  return text.split(',').map((item) => item.trim());
}
