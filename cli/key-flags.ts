import { z } from 'zod';
import { ConfigurationError } from '../src/errors.js';
import { inWords } from '../src/lib/schema-words.js';
import { settingsShape } from '../src/api/access/api-key.js';
import type { ApiKeySettings } from '../src/api/access/api-key.js';
import { distinctIssues } from '../src/lib/distinct-issues.js';

export interface CreateKeyFlags {
  readonly name?: string;
  readonly operations?: string;
  readonly keys?: string;
  readonly rate?: string;
  readonly updateRate?: string;
  readonly readOnly?: boolean;
  readonly requireIdempotencyKey?: boolean;
  readonly webhooks?: boolean;
  readonly metricsOnly?: boolean;
  readonly owner?: string;
  readonly replaces?: string;
}

/** What an API key has that nothing is said of. */
const DEFAULTS: Omit<ApiKeySettings, 'name'> = {
  operations: ['*'],
  keys: ['*'],
  readOnly: false,
  rate: { requests: 1_000, windowSeconds: 1 },
};

/** The flag for each setting. */
const FLAGS: Readonly<Record<string, string>> = {
  name: '--name',
  operations: '--operations',
  keys: '--keys',
  rate: '--rate',
  updateRate: '--update-rate',
  owner: '--owner',
};

const WINDOW_SECONDS = { s: 1, m: 60 } as const;

/**
 * What an API key is to be made with.
 *
 * @param replaced the one whose place it takes
 * @throws ConfigurationError that names each flag and what is wrong with it
 */
export function keySettings(flags: CreateKeyFlags, replaced?: ApiKeySettings): ApiKeySettings {
  const { name = replaced?.name, operations, keys, rate, updateRate, ...rest } = flags;
  if (name === undefined) {
    throw new ConfigurationError('give --name, who has the key; or --replaces, the key that it takes the place of');
  }
  const before = replaced ?? DEFAULTS;
  const settings = {
    name,
    operations: operations === undefined ? before.operations : listOf(operations),
    keys: keys === undefined ? before.keys : listOf(keys),
    readOnly: rest.readOnly ?? before.readOnly,
    requireIdempotencyKey: rest.requireIdempotencyKey ?? before.requireIdempotencyKey,
    webhooks: rest.webhooks ?? before.webhooks,
    metricsOnly: rest.metricsOnly ?? before.metricsOnly,
    rate: rate === undefined ? before.rate : requestRateOf(rate),
    updateRate: updateRate === undefined ? before.updateRate : updateRateOf(updateRate),
    owner: rest.owner ?? before.owner,
  };
  const parsed = z.strictObject(settingsShape).safeParse(settings, { error: inWords });
  if (!parsed.success) {
    const messages = distinctIssues(parsed.error).map(
      ({ path, message }) => `${FLAGS[String(path[0])] ?? ''} ${message}`,
    );
    throw new ConfigurationError(messages.join('; '));
  }
  return parsed.data;
}

function listOf(text: string): string[] {
  return text.split(',').map((item) => item.trim());
}

function requestRateOf(text: string): ApiKeySettings['rate'] {
  const { count, windowSeconds } = rateOf(text, '--rate must be requests in a second or a minute, 100/s or 6000/m');
  return { requests: count, windowSeconds };
}

function updateRateOf(text: string): ApiKeySettings['updateRate'] {
  const error = '--update-rate must be updates in a second or a minute, 5000/s or 60000/m';
  const { count, windowSeconds } = rateOf(text, error);
  return { updates: count, windowSeconds };
}

function rateOf(text: string, error: string) {
  const [, count, unit] = /^(\d{1,9})\/(s|m)$/.exec(text) ?? [];
  if (count === undefined) {
    throw new ConfigurationError(`${error}, but is "${text}"`);
  }
  return { count: Number(count), windowSeconds: WINDOW_SECONDS[unit as keyof typeof WINDOW_SECONDS] };
}
