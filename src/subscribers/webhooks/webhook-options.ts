import { z } from 'zod';
import { networkSchema } from './target.js';

/** All of them are matched with each event. */
export const MAX_WEBHOOKS = 200;

/** So that one of those who hold API keys does not take all of them. */
export const MAX_PER_OWNER = 20;

/** What all who add webhooks or deliver to them are told. */
export interface WebhookOptions {
  /**
   * What secrets of webhooks are sealed with in Redis: 32 random bytes each; the first one seals, all of them open. All processes
   * need the same.
   */
  sealingKeys: readonly Buffer[];
  /** As this system is called in `WebHook-Request-Origin`: a DNS name. @defaultValue `tally` */
  origin?: string | undefined;
  /** Whether targets may have `http:` URLs. @defaultValue false */
  allowHttp?: boolean | undefined;
  /** Addresses and networks that are not public, and may be sent to: `10.1.0.0/16`. @defaultValue none */
  allowedNetworks?: readonly string[] | undefined;
  /** How many webhooks the owner of an API key may have, 1 to 200, disabled ones as well: there are 200 at most in all. @defaultValue 20 */
  maxPerOwner?: number | undefined;
}

export const originSchema = z
  .string()
  .regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/, 'must be a DNS name, for example tally.example.com');

export const webhookOptionsSchema = z.strictObject({
  sealingKeys: z.array(z.instanceof(Buffer)).min(1),
  origin: originSchema.default('tally'),
  allowHttp: z.boolean().default(false),
  allowedNetworks: z.array(networkSchema).default([]),
  maxPerOwner: z.int().min(1).max(MAX_WEBHOOKS).default(MAX_PER_OWNER),
});
