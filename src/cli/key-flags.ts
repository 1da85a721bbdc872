import { z } from 'zod';
import { ConfigurationError } from '../errors.js';
import { settingsShape } from '../producers/http/access/api-key.js';
import type { ApiKeySettings } from '../producers/http/access/api-key.js';

export interface CreateKeyFlags {
  readonly name: string;
  readonly operations: string;
  readonly keys: string;
  readonly rate: string;
  readonly readOnly?: boolean;
}

/** The flag for each setting. */
const FLAGS: Readonly<Record<string, string>> = {
  name: '--name',
  operations: '--operations',
  keys: '--keys',
  rate: '--rate',
};

const WINDOW_SECONDS = { s: 1, m: 60 } as const;

/**
 * What an API key is to be made with.
 *
 * @throws ConfigurationError that names each flag and what is wrong with it
 */
export function keySettings({ name, operations, keys, rate, readOnly = false }: CreateKeyFlags): ApiKeySettings {
  const settings = { name, operations: listOf(operations), keys: listOf(keys), readOnly, rate: rateOf(rate) };
  const parsed = z.strictObject(settingsShape).safeParse(settings);
  if (!parsed.success) {
    const messages = parsed.error.issues.map(({ path, message }) => `${FLAGS[String(path[0])] ?? ''} ${message}`);
    throw new ConfigurationError(messages.join('; '));
  }
  return parsed.data;
}

function listOf(text: string): string[] {
  return text.split(',').map((item) => item.trim());
}

function rateOf(text: string): ApiKeySettings['rate'] {
  const [, requests, unit] = /^(\d{1,9})\/(s|m)$/.exec(text) ?? [];
  if (requests === undefined) {
    throw new ConfigurationError(`--rate must be requests in a second or a minute, 100/s or 6000/m, but is "${text}"`);
  }
  return { requests: Number(requests), windowSeconds: WINDOW_SECONDS[unit as keyof typeof WINDOW_SECONDS] };
}
