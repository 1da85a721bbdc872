import { ConfigurationError, TallyError } from '../src/errors.js';
import { matchesPattern } from '../src/lib/pattern.js';
import { makeApiKey } from '../src/api/access/api-key.js';
import type { ApiKey, Rate } from '../src/api/access/api-key.js';
import type { KeyStore } from '../src/api/access/key-store.js';
import { MAX_AGE_MS } from '../src/api/access/key-cache.js';
import { decodeSchedule } from '../src/jobs/schedule.js';
import type { Store } from '../src/layout/store.js';
import { createRegistry } from '../src/operations/registry.js';
import { disableWebhooksOf } from '../src/subscribers/webhooks/revoke-owner.js';
import { createContext, findRedis } from './context.js';
import { noteDoor } from './installation.js';
import { keySettings } from './key-flags.js';
import type { CreateKeyFlags } from './key-flags.js';
import { withKeyStore } from './stores.js';

export type { CreateKeyFlags } from './key-flags.js';

export interface ListKeysFlags {
  readonly json?: true;
}

const SOON = `within ${MAX_AGE_MS / 1000} seconds`;

/** `tally keys create`: the secret is all that goes to stdout, so that a script can keep it. */
export async function createKey(flags: CreateKeyFlags): Promise<void> {
  const { replaces } = flags;
  const made = replaces === undefined ? makeApiKey(keySettings(flags)) : undefined;
  const context = createContext(process.stderr);
  const target = findRedis(context);
  const { secret, key, before } = await withKeyStore(context, target, async (store) => {
    const { secret, key } = made ?? makeApiKey(keySettings(flags, await keyOf(store, replaces)));
    const before = await store.count();
    await store.add(key);
    return { secret, key, before };
  });
  console.log(secret);
  console.error(`This is the secret of key ${describe(key)}.`);
  console.error(`It is shown only now. Servers know it ${SOON}.`);
  if (before === 0) {
    await noteDoor(context, target, 'apiKeys', true);
    console.error('It is the first key: from now on the API asks everyone for one.');
  }
  if (replaces !== undefined) {
    console.error(`Key ${replaces} stays valid: revoke it once nobody uses it, tally keys revoke ${replaces}`);
  }
  warnOfUnknown(key);
}

async function keyOf(store: KeyStore, id = ''): Promise<ApiKey> {
  const key = (await store.read()).byId.get(id);
  if (key === undefined) {
    throw new ConfigurationError(noKey(id));
  }
  return key;
}

function noKey(id: string): string {
  return `there is no key with the id "${id}"; tally keys list prints those that there are`;
}

/** `tally keys list`: prints what each key allows. */
export async function listKeys({ json }: ListKeysFlags): Promise<void> {
  const context = createContext(process.stderr);
  const { byId, unreadable } = await withKeyStore(context, findRedis(context), (store) => store.read());
  const keys = [...byId.values()].sort((one, other) => one.createdAt.localeCompare(other.createdAt));
  if (json) {
    console.log(JSON.stringify(keys.map(({ digest: _, ...key }) => key)));
  } else {
    for (const key of keys) {
      console.log(`${describe(key)}, made ${key.createdAt}`);
    }
  }
  for (const id of unreadable) {
    console.error(`${id} is not a key that this version of Tally can read: nobody gets in with it; revoke it`);
  }
  if (keys.length + unreadable.length === 0) {
    console.error('There are no keys: the API serves this machine only, and asks for none.');
  }
}

/** `tally keys revoke`: nobody gets in with it any more. */
export async function revokeKey(id: string): Promise<void> {
  const context = createContext(process.stderr);
  const target = findRedis(context);
  const { left, disabled, goingOn } = await withKeyStore(context, target, async (keyStore, store) => {
    const owner = (await keyStore.read()).byId.get(id)?.owner ?? id;
    const isLast = async () => {
      const { byId } = await keyStore.read();
      return ![...byId.values()].some((key) => key.owner === owner && key.id !== id);
    };
    const disableIfLast = async () => ((await isLast()) ? disableWebhooksOf(owner, store) : 0);
    const before = await disableIfLast(); // if this fails, the key is still there, and can be revoked once more
    if (!(await keyStore.remove(id))) {
      throw new TallyError('KEY_NOT_FOUND', noKey(id));
    }
    const meanwhile = await disableIfLast();
    const goingOn = (await isLast()) ? await schedulesOf(owner, store) : [];
    return { left: await keyStore.count(), disabled: before + meanwhile, goingOn };
  });
  console.log(`revoked ${id}; servers refuse it ${SOON}`);
  if (disabled > 0) {
    console.error(`It was the last key of its owner, whose ${disabled} webhooks are disabled: see tally webhooks list`);
  }
  if (goingOn === undefined) {
    console.error('Schedules that were put with it go on: tally schedules list names the owner of each');
  } else if (goingOn.length > 0) {
    console.error(`It was the last key of its owner, whose schedules go on: ${goingOn.join(', ')}`);
    console.error(`To end one: tally schedules remove ${goingOn[0] ?? ''}`);
  }
  if (left === 0) {
    await noteDoor(context, target, 'apiKeys', false);
    console.error(
      'It was the last key: servers that run now still ask for one; those started from now on serve this machine only, and ask for none.',
    );
  }
}

/** Their ids; undefined where this user of Redis may not read them. */
async function schedulesOf(
  owner: string,
  { redis, keys }: Pick<Store, 'redis' | 'keys'>,
): Promise<string[] | undefined> {
  const stored = await redis.hgetall(keys.schedules).catch(() => undefined);
  const isTheirs = ([, text]: [string, string]) => decodeSchedule(text)?.owner === owner;
  return (
    stored &&
    Object.entries(stored)
      .filter(isTheirs)
      .map(([id]) => id)
      .sort()
  );
}

function describe({ id, name, operations, keys, rate, updateRate, readOnly, owner, ...rest }: ApiKey): string {
  const parts = [
    `${id} "${name}": operations ${operations.join(',')}`,
    `keys ${keys.join(',')}`,
    `${rate.requests} requests a ${windowOf(rate)}`,
    ...(updateRate === undefined ? [] : [`${updateRate.updates} updates a ${windowOf(updateRate)}`]),
    ...(readOnly ? ['read only'] : []),
    ...(rest.metricsOnly ? ['metrics only'] : []),
    ...(rest.requireIdempotencyKey ? ['idempotency keys required'] : []),
    ...(rest.webhooks ? ['webhooks'] : []),
    `owner ${owner}`,
  ];
  return parts.join('; ');
}

function windowOf({ windowSeconds }: Pick<Rate, 'windowSeconds'>): string {
  return windowSeconds === 1 ? 'second' : 'minute';
}

/** Not an error: a server may know more operations than this command. */
function warnOfUnknown({ operations }: ApiKey): void {
  const names = createRegistry().operations.map(({ name }) => name);
  for (const pattern of operations.filter((it) => !names.some((name) => matchesPattern(it, name)))) {
    console.error(`Note that no operation of Tally itself fits "${pattern}".`);
  }
}
