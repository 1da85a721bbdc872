import { z } from 'zod';
import { ConfigurationError } from '../src/errors.js';
import { nearest } from '../src/lib/nearest.js';
import { MAX_PARTITIONS } from '../src/layout/partitions.js';
import { DEFAULT_NAMESPACE } from '../src/redis/keys.js';
import { shownValue } from '../src/redis/redis-url.js';
import { basePathSchema } from '../src/web/base-path.js';
import { readTarget } from '../src/redis/target.js';
import { parseSealingKeys } from '../src/subscribers/webhooks/seal.js';
import { networkSchema } from '../src/subscribers/webhooks/target.js';
import { MAX_PER_OWNER, MAX_WEBHOOKS, originSchema } from '../src/subscribers/webhooks/webhook-options.js';

/** A variable's schema with an example for the message when it does not fit. */
interface Variable {
  readonly schema: z.ZodType;
  readonly example: string;
  /** Whether it is not to be shown. @defaultValue false */
  readonly secret?: boolean;
}

function wholeNumberOrNone(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d+$/, error)
    .transform(Number)
    .pipe(z.int({ error }).min(min, error).max(max, error))
    .optional();
}

function wholeNumber(min: number, max: number, fallback: number) {
  return wholeNumberOrNone(min, max).default(fallback);
}

/** A number from 0 to 1. */
function shareOf(fallback: number) {
  const error = 'must be a number from 0 to 1';
  return z
    .string()
    .regex(/^(0|1|0?\.\d{1,6}|1\.0+)$/, error)
    .transform(Number)
    .default(fallback);
}

function trueOrFalse(fallback: 'true' | 'false') {
  return z
    .enum(['true', 'false'], 'must be true or false')
    .default(fallback)
    .transform((text) => text === 'true');
}

/** An IP address or the name of a machine. */
const host = z
  .string()
  .regex(/^[\w.:%-]+$/, 'must be an IP address or the name of a machine')
  .default('127.0.0.1');

/** The name of a header; unset, there is none. */
function headerName() {
  return z
    .string()
    .regex(/^[A-Za-z0-9-]+$/, 'must be the name of a header')
    .optional();
}

function text(fallback: string) {
  return z.string().min(1, 'must not be empty').default(fallback);
}

/** What is wrong with a URL is said with what may be shown of it. */
const redisUrl = z
  .string()
  .superRefine((url, context) => {
    try {
      readTarget(url);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
    }
  })
  .optional();

/** Path of a PEM file; unset, there is none. */
const pemFile = z.string().optional();

const SHARE_ERROR = 'must be a part and the number of parts, as in 1/3';

/** "1/3": part 1 of 3. */
const partitionShare = z
  .string()
  .regex(/^[1-9]\d{0,2}\/[1-9]\d{0,2}$/, SHARE_ERROR)
  .transform((text) => {
    const [number = 0, of = 0] = text.split('/').map(Number);
    return { number, of };
  })
  .refine(({ number, of }) => number <= of, { error: `${SHARE_ERROR}, and no part after the last` })
  .optional();

const HISTORY_ERROR =
  'must be a number from 0 to 1000, or such numbers by operation, as in inventory.take=100,xp.award=20';

/** Entries for all operations, or by operation. */
const history = z
  .string()
  .regex(/^(\d+|[\w.]+=\d+(,[\w.]+=\d+)*)$/, HISTORY_ERROR)
  .transform((text) =>
    text.includes('=')
      ? new Map(text.split(',').map((entry) => [entry.split('=')[0] ?? '', Number(entry.split('=')[1])]))
      : Number(text),
  )
  .refine((entries) => (typeof entries === 'number' ? [entries] : [...entries.values()]).every((it) => it <= 1_000), {
    error: HISTORY_ERROR,
  })
  .optional();

/** Keys, which are not shown. */
const webhookKeys = z
  .string()
  .transform((text, context) => {
    try {
      return parseSealingKeys(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
      return z.NEVER;
    }
  })
  .optional();

const networks = z
  .string()
  .transform((list) => list.split(',').map((address) => address.trim()))
  .pipe(z.array(networkSchema))
  .optional();

/** Every environment variable that Tally reads. */
const variables = {
  /**
   * The Redis to use: one server, a Cluster or Sentinels, see `src/redis/target.ts`. Unset: `tally up` starts a private
   * one, and the other commands use that.
   */
  REDIS_URL: {
    schema: redisUrl,
    example: 'redis://127.0.0.1:6379',
  },
  /**
   * Whose certificates Redis may show; for rediss URLs. Unset: the authorities that Node knows, and those of
   * NODE_EXTRA_CA_CERTS.
   */
  TALLY_REDIS_CA_FILE: { schema: pemFile, example: '/etc/tally/redis-ca.pem' },
  /** What Tally shows to a Redis that asks its clients for certificates: both or neither. */
  TALLY_REDIS_CERT_FILE: { schema: pemFile, example: '/etc/tally/redis-client.pem' },
  TALLY_REDIS_KEY_FILE: { schema: pemFile, example: '/etc/tally/redis-client.key' },
  /** For tests: `false` takes any certificate of Redis, such as a self-signed one, also that of somebody in between. */
  TALLY_REDIS_TLS_REJECT_UNAUTHORIZED: { schema: trueOrFalse('true'), example: 'true' },
  /** Address on which the API and the dashboard listen; which ones they may is decided in `cli/host.ts`. */
  HOST: { schema: host, example: '127.0.0.1' },
  PORT: { schema: wholeNumber(0, 65_535, 3000), example: '3000' },
  /** The path of a site below which browsers and callers find the dashboard and the API, behind a proxy. */
  TALLY_BASE_PATH: {
    schema: z
      .string()
      .transform((path) => path.replace(/\/$/, ''))
      .pipe(basePathSchema)
      .optional(),
    example: '/tools/tally',
  },
  LOG_LEVEL: {
    schema: z
      .enum(
        ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
        'must be trace, debug, info, warn, error, fatal or silent',
      )
      .default('info'),
    example: 'info',
  },
  /** Folder of the private Redis, and of what is remembered of an installation, see `cli/installation.ts`. */
  TALLY_DATA_DIR: { schema: text('.tally'), example: '.tally' },
  /** The user's own operations: a file, or a package, that exports them. */
  TALLY_OPERATIONS: { schema: z.string().optional(), example: './operations.js' },
  /**
   * Port of the private Redis on 127.0.0.1, 0 for a free one. Unset: `DEFAULT_PORT` of `src/redis/embedded-record.ts`, or a free one
   * when that is taken.
   */
  TALLY_REDIS_PORT: { schema: wholeNumberOrNone(0, 65_535), example: '6390' },
  /** What the clients of the private Redis have to know; letters, digits, `-` and `_`. Unset: nothing, it is for this machine only. */
  TALLY_REDIS_PASSWORD: {
    schema: z
      .string()
      .regex(/^[\w-]{8,128}$/, 'must be 8 to 128 letters, digits, - and _')
      .optional(),
    example: 'a-long-random-text',
  },
  /** The share of the API's ordinary request lines that is logged: 0 none, 1 all. */
  TALLY_LOG_REQUESTS: { schema: shareOf(1), example: '0.01' },
  /** First part of Tally's own keys. */
  TALLY_NAMESPACE: { schema: text(DEFAULT_NAMESPACE.namespace), example: DEFAULT_NAMESPACE.namespace },
  /** First part of BullMQ's keys. */
  TALLY_PREFIX: { schema: text(DEFAULT_NAMESPACE.prefix), example: DEFAULT_NAMESPACE.prefix },
  /** Into how many partitions queues are split. Unset: 8 on a Cluster, else queues are not split. */
  TALLY_PARTITIONS: { schema: wholeNumberOrNone(1, MAX_PARTITIONS), example: '8' },
  /** The part of all partitions that a worker serves: others must serve the rest. Unset: all. */
  TALLY_PARTITION_SHARE: { schema: partitionShare, example: '1/3' },
  /** Replicas that must have what was written before it counts. */
  TALLY_REPLICAS_TO_CONFIRM: { schema: wholeNumber(0, 10, 0), example: '1' },
  /** Whether it must be on disk, too. */
  TALLY_CONFIRM_ON_DISK: { schema: trueOrFalse('false'), example: 'true' },
  TALLY_CONCURRENCY: { schema: wholeNumberOrNone(1, 1_000), example: '50' },
  TALLY_LOCK_DURATION_MS: { schema: wholeNumber(500, 300_000, 5_000), example: '5000' },
  TALLY_STALLED_INTERVAL_MS: { schema: wholeNumber(100, 300_000, 2_000), example: '2000' },
  TALLY_IDEMPOTENCY_WINDOW_MS: { schema: wholeNumber(1_000, 90 * 86_400_000, 86_400_000), example: '86400000' },
  /**
   * Changes kept of each cell, for `/ops/keys`: of all operations, or by operation; see docs/decisions/12-history.md for
   * what they cost. Unset: 100 on the private Redis, none on another.
   */
  TALLY_HISTORY: { schema: history, example: 'inventory.take=100,xp.award=20' },
  /** Whether people must sign in to the dashboard, and callers of the API have a key, also while there is nobody and none. */
  TALLY_REQUIRE_SIGN_IN: { schema: trueOrFalse('false'), example: 'true' },
  /** Where metrics are served to whoever asks, beside the API. Unset: a worker counts and serves none. */
  TALLY_METRICS_PORT: { schema: wholeNumberOrNone(0, 65_535), example: '9464' },
  TALLY_METRICS_HOST: { schema: host, example: '127.0.0.1' },
  /** How long the outcomes of completed updates can be asked for; and how many of each queue, see `src/workers/keep-outcomes.ts`. */
  TALLY_KEEP_OUTCOMES_MS: { schema: wholeNumber(1_000, 90 * 86_400_000, 86_400_000), example: '86400000' },
  TALLY_KEEP_OUTCOMES_UPDATES: { schema: wholeNumberOrNone(1, 1e12), example: '20000000' },
  /** Unset: 1 GiB, or a sixteenth of `maxmemory` where that is less. */
  TALLY_KEEP_OUTCOMES_BYTES: { schema: wholeNumberOrNone(1_000, 1e15), example: '1073741824' },
  /**
   * What secrets of webhooks are sealed with in Redis: 32 random bytes in base64, or several with commas between, of which the
   * first one seals and all of them open. Unset: there are no webhooks.
   */
  TALLY_WEBHOOK_KEY: { schema: webhookKeys, example: '$(openssl rand -base64 32)', secret: true },
  /** As this system is called in `WebHook-Request-Origin`. */
  TALLY_WEBHOOK_ORIGIN: { schema: originSchema.default('tally'), example: 'tally.example.com' },
  TALLY_WEBHOOK_ALLOW_HTTP: { schema: trueOrFalse('false'), example: 'true' },
  /** Addresses and networks that are not public, to which webhooks may lead. */
  TALLY_WEBHOOK_ALLOW_NETWORKS: { schema: networks, example: '10.1.0.0/16' },
  /** How many webhooks the owner of an API key may have; those added by hand are nobody's. */
  TALLY_WEBHOOK_MAX_PER_OWNER: { schema: wholeNumber(1, MAX_WEBHOOKS, MAX_PER_OWNER), example: '20' },
  /** Whether workers tell outcomes in a stream; and how much it holds, see `src/workers/tell-outcomes.ts`. */
  TALLY_OUTCOMES: { schema: trueOrFalse('false'), example: 'true' },
  TALLY_OUTCOMES_KEEP_MS: { schema: wholeNumberOrNone(1_000, 400 * 86_400_000), example: '604800000' },
  TALLY_OUTCOMES_KEEP_BYTES: { schema: wholeNumberOrNone(1_000, 1e15), example: '1073741824' },
  TALLY_OUTCOMES_KEEP_UPDATES: { schema: wholeNumberOrNone(1_000, 1e9), example: '1000000' },
  /** The database whose rows `tally relay` makes updates of; it may hold a password, which `--from` would show to all on the machine. */
  TALLY_RELAY_FROM: { schema: z.string().optional(), example: 'postgres://relay@127.0.0.1:5432/shop', secret: true },
  TALLY_CLOSE_TIMEOUT_MS: { schema: wholeNumber(0, 600_000, 10_000), example: '10000' },
  /** The API key that `tally load --target http` uses. */
  TALLY_API_KEY: { schema: z.string().optional(), example: 'tally_…' },
  /** Proxies in front of the dashboard and the API: what they say of a caller's address, of TLS and of the path is believed. */
  TALLY_DASHBOARD_PROXY_ADDRESSES: {
    schema: z
      .string()
      .transform((list) => list.split(',').map((address) => address.trim()))
      .pipe(z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], 'must be IP addresses or networks')))
      .optional(),
    example: '10.0.0.5,10.1.0.0/16',
  },
  /** Headers in which those proxies say who has signed in with them, and whether as `viewer` or `operator`. */
  TALLY_DASHBOARD_USER_HEADER: { schema: headerName(), example: 'X-Forwarded-User' },
  TALLY_DASHBOARD_ROLE_HEADER: { schema: headerName(), example: 'X-Forwarded-Role' },
} satisfies Record<string, Variable>;

type VariableName = keyof typeof variables;

export type Config = { readonly [Name in VariableName]: z.output<(typeof variables)[Name]['schema']> };

/**
 * Reads the configuration from the environment.
 *
 * @throws ConfigurationError that names each variable, what is wrong and a valid example, and each unknown
 * `TALLY_` variable with the nearest known one
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const names = Object.keys(variables) as VariableName[];
  const problems = unknownVariables(environment, names);
  const config: Record<string, unknown> = {};
  for (const name of names) {
    const { schema, example, secret = false }: Variable = variables[name];
    const value = environment[name];
    const parsed = schema.safeParse(value === '' ? undefined : value);
    if (parsed.success) {
      config[name] = parsed.data;
    } else {
      const what = parsed.error.issues[0]?.message ?? 'is not valid';
      const found = name === 'REDIS_URL' || secret ? '' : `, but is "${shownValue(value ?? '')}"`;
      problems.push(`${name}: ${what}${found}; for example ${name}=${example}`);
    }
  }
  if (problems.length > 0) {
    throw new ConfigurationError(problems.join('\n'));
  }
  return config as Config;
}

function unknownVariables(
  environment: Readonly<Record<string, string | undefined>>,
  names: readonly string[],
): string[] {
  return Object.keys(environment)
    .filter((name) => name.startsWith('TALLY_') && !names.includes(name))
    .map((name) => {
      const suggestion = nearest(name, names);
      return `${name}: unknown variable${suggestion === undefined ? '' : `; did you mean ${suggestion}?`}`;
    });
}
