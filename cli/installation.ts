import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { openStore } from '../src/layout/store.js';
import type { Store } from '../src/layout/store.js';
import { withinTime } from '../src/lib/timeouts.js';
import type { Metrics } from '../src/metrics/metrics.js';
import { InstallationMark } from '../src/redis/installation.js';
import type { Door, Mark } from '../src/redis/installation.js';
import { describeTarget } from '../src/redis/target.js';
import type { RedisTarget } from '../src/redis/target.js';
import { connectionOptions, createContext, findRedis } from './context.js';
import type { Context } from './context.js';
import { withStore } from './stores.js';
import type { Stop } from './on-stop.js';

/** What the data folder remembers of an installation. */
const rememberedSchema = z.object({ id: z.string(), users: z.boolean(), apiKeys: z.boolean() });

type Remembered = z.output<typeof rememberedSchema>;

/** In place of the id, where the data folder remembers something that can't be read. */
const UNREADABLE = '';

/** How often the mark is looked for. */
const LOOK_EVERY_MS = 10_000;

/** How often at most its loss is logged. */
const SAY_EVERY_MS = 60_000;

/**
 * Notices that a Redis has lost what Tally kept in it, by a mark there and a note of it in the data folder; and keeps the
 * dashboard and the API closed to strangers that once had users, or API keys, also after that.
 */
export class Installation {
  readonly #file: string;
  readonly #mark: InstallationMark;
  #known: Remembered | undefined;
  #isLost = false;
  #saidAtMs = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly context: Context,
    target: RedisTarget,
    private readonly store: Pick<Store, 'redis' | 'keys'>,
    /** What this process stands at: whether there is anybody is looked up for these. */
    private readonly doors: readonly Door[],
  ) {
    this.#file = fileOf(context, target);
    this.#mark = new InstallationMark(store.redis, store.keys);
    this.#known = readFile(this.#file);
  }

  /** Whether Redis has lost what it held. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Whether the dashboard asks people to sign in, or the API for a key, also while there is nobody, or none. */
  isClosed(door: Door): boolean {
    return this.context.config.TALLY_REQUIRE_SIGN_IN || this.#known?.[door] === true;
  }

  /**
   * Looks for the mark, and makes it where neither Redis nor the data folder knows of one.
   *
   * @throws whatever keeps Redis from answering
   */
  async look(): Promise<void> {
    const mark = (await this.#mark.read()) ?? (this.#known === undefined ? await this.#mark.make() : undefined);
    const { id = mark?.id } = this.#known ?? {};
    if (mark === undefined || (mark.id !== id && id !== UNREADABLE && !mark.replacesLost)) {
      this.#isLost = true;
      this.#sayLost();
      return;
    }
    this.#isLost = false;
    await this.#learn(mark);
  }

  /** Looks from time to time. @param told each time */
  watch(told: (isLost: boolean) => void): void {
    const look = async () => {
      try {
        await this.look();
        told(this.#isLost);
      } catch (error) {
        this.context.logger.debug({ err: error }, 'could not look for the mark of this installation in Redis');
      }
    };
    this.#timer = setInterval(() => void look(), LOOK_EVERY_MS);
    this.#timer.unref();
    void look();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** After {@link isLost}: what Redis holds now is the installation. What was closed stays so. */
  async acceptLoss(): Promise<void> {
    const { users = false, apiKeys = false } = this.#known ?? {};
    const mark = await this.#mark.accept({ users, apiKeys });
    this.#isLost = false;
    this.#remember({ id: mark.id, users: users || mark.users, apiKeys: apiKeys || mark.apiKeys });
  }

  /** Notes that there is a first user or API key, or that somebody has removed the last one on purpose. */
  async note(door: Door, isClosed: boolean): Promise<void> {
    await this.look();
    if (!this.#isLost) {
      await this.#mark.note(door, isClosed);
      await this.look();
    }
  }

  async #learn(mark: Mark): Promise<void> {
    const { redis, keys } = this.store;
    const there = { users: keys.users, apiKeys: keys.apiKeys };
    const closed = { users: mark.users, apiKeys: mark.apiKeys };
    for (const door of this.doors) {
      if (!closed[door] && (await redis.hlen(there[door])) > 0) {
        await this.#mark.note(door, true);
        closed[door] = true;
      }
    }
    this.#remember({ id: mark.id, ...closed });
  }

  #remember(known: Remembered): void {
    const text = `${JSON.stringify(known)}\n`;
    if (text === `${JSON.stringify(this.#known)}\n`) {
      return;
    }
    this.#known = known;
    try {
      mkdirSync(join(this.#file, '..'), { recursive: true });
      const draft = `${this.#file}.${process.pid}`;
      writeFileSync(draft, text, { mode: 0o600 });
      renameSync(draft, this.#file);
    } catch (error) {
      const { logger, config } = this.context;
      const what =
        'the data folder (TALLY_DATA_DIR) can not be written: after a restart nothing is known of what Redis held before';
      const advice = this.doors.length === 0 ? '' : '; set TALLY_REQUIRE_SIGN_IN=true';
      logger.warn({ err: error, folder: config.TALLY_DATA_DIR }, what + advice);
    }
  }

  #sayLost(): void {
    if (performance.now() - this.#saidAtMs < SAY_EVERY_MS) {
      return;
    }
    this.#saidAtMs = performance.now();
    const { users, apiKeys } = this.#known ?? {};
    this.context.logger.error(
      { installation: this.#known?.id, hadUsers: users, hadApiKeys: apiKeys },
      'Redis has lost what Tally kept in it (FLUSHALL, an empty volume, a failover to an empty replica): updates, receipts, users and ' +
        'API keys. What was closed to strangers stays closed. See docs/runbook.md#tallydatalost; tally accept-loss ends this',
    );
  }
}

/** How long a start waits for Redis; what the data folder knows holds in any case. */
const START_MS = 3_000;

/** Who looks for the mark, and over which connection. */
export interface Watch {
  readonly store: Pick<Store, 'redis' | 'keys'>;
  readonly doors: readonly Door[];
  /** Told each time; undefined when nobody counts. */
  readonly metrics: Metrics | undefined;
}

/** Looks for the mark of the installation, and goes on looking as long as the process runs. */
export async function watchInstallation(
  context: Context,
  target: RedisTarget,
  { store, doors, metrics }: Watch,
  stops: Stop[],
): Promise<Installation> {
  const installation = new Installation(context, target, store, doors);
  const tell = (isLost: boolean) => {
    metrics?.installationLost(isLost);
  };
  await withinTime(installation.look(), START_MS).catch(() => undefined); // while Redis is away, that of the folder holds
  tell(installation.isLost);
  installation.watch(tell);
  stops.push(() => {
    installation.close();
    return Promise.resolve();
  });
  return installation;
}

/** The same for a worker, at which nobody asks to be let in, over a connection of its own. */
export async function watchAsWorker(
  context: Context,
  target: RedisTarget,
  metrics: Metrics | undefined,
  stops: Stop[],
): Promise<void> {
  const options = { connectionName: 'tally-installation', timeoutMs: START_MS };
  const store = openStore({ ...connectionOptions(context, target), ...options });
  stops.push(() => {
    store.close();
    return Promise.resolve();
  });
  await watchInstallation(context, target, { store, doors: [], metrics }, stops);
}

/** For a command that has added the first user or API key, or removed the last. */
export async function noteDoor(context: Context, target: RedisTarget, door: Door, isClosed: boolean): Promise<void> {
  try {
    await withStore(context, target, (store) => new Installation(context, target, store, []).note(door, isClosed));
  } catch (error) {
    context.logger.warn({ err: error }, 'could not note it in the mark of this installation');
  }
}

/** `tally accept-loss`: what Redis holds now is the installation, after it has lost what was there. */
export async function acceptLoss(): Promise<void> {
  const context = createContext(process.stderr);
  const target = findRedis(context);
  await withStore(context, target, (store) => new Installation(context, target, store, []).acceptLoss());
  console.log('From now on what this Redis holds is the installation. What asked for users, or API keys, still does.');
}

/** One for each Redis and namespace. The port of the private Redis is another one at each start. */
function fileOf({ config }: Context, target: RedisTarget): string {
  const where = config.REDIS_URL === undefined ? 'private' : describeTarget(target);
  const name = createHash('sha256').update(`${where} ${config.TALLY_NAMESPACE}`).digest('hex').slice(0, 16);
  return join(config.TALLY_DATA_DIR, 'installations', `${name}.json`);
}

/** @returns undefined when there is none; what can't be read opens nothing */
function readFile(file: string): Remembered | undefined {
  if (!existsSync(file)) {
    return undefined;
  }
  try {
    return rememberedSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return { id: UNREADABLE, users: true, apiKeys: true };
  }
}
