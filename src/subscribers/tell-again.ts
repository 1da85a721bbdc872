import { setTimeout as wait } from 'node:timers/promises';
import type { Store } from '../layout/store.js';
import { luaSource } from '../redis/lua-source.js';
import { createScript, ScriptRunner } from '../redis/scripts.js';
import type { DeadLetter } from './dead-letters.js';
import type { OutcomeEvent } from './event.js';

const TAKE = createScript('take-again', luaSource('take-again'));
const TOLD = createScript('told-again', luaSource('told-again'));

/** So often it is looked whether there is anything to be told again. */
const LOOK_EVERY_MS = 1_000;

interface AgainDeps {
  readonly store: Pick<Store, 'redis' | 'keys' | 'logger'>;
  readonly group: string;
  readonly consumer: string;
  /** After what silence another subscriber of the group goes on with it, in ms. */
  readonly takeOverAfterMs: number;
  readonly stopping: AbortSignal;
  /** @returns whether that came to an end: handled, or set aside once more */
  readonly handle: (event: OutcomeEvent, signal: AbortSignal) => Promise<boolean>;
}

/** Tells the events that {@link DeadLetters.tellAgain} has taken up: one after the other, by one subscriber of the group at a time. */
export class AgainTeller {
  readonly #scripts: ScriptRunner;
  readonly #keys: readonly [letters: string, holder: string];

  constructor(private readonly deps: AgainDeps) {
    const { store, group } = deps;
    this.#scripts = new ScriptRunner(store.redis, [TAKE, TOLD]);
    this.#keys = store.keys.outcomesAgain(group);
  }

  /** Until the subscriber stops. @param stopped what is being told then is left to others */
  async run(stopped: AbortSignal): Promise<void> {
    const { stopping, store } = this.deps;
    const isStopping = () => stopping.aborted;
    while (!isStopping()) {
      const isMore = await this.#tellNext(stopped).catch((error: unknown) => {
        store.logger.debug({ err: error }, 'could not tell outcomes again, trying it later');
        return false;
      });
      if (!isMore) {
        await wait(LOOK_EVERY_MS, undefined, { signal: stopping }).catch(() => undefined);
      }
    }
  }

  /** @returns whether there may be more */
  async #tellNext(stopped: AbortSignal): Promise<boolean> {
    const text = await this.#take();
    if (text === null) {
      return false;
    }
    const taken = new AbortController();
    const keeping = setInterval(() => void this.#keep(text, taken), this.deps.takeOverAfterMs / 3);
    try {
      const isDone = await this.deps.handle(eventOf(text), AbortSignal.any([stopped, taken.signal]));
      await this.#scripts.run(TOLD, this.#keys, [this.deps.consumer, isDone ? text : '']);
      return isDone;
    } finally {
      clearInterval(keeping);
    }
  }

  async #take(): Promise<string | null> {
    const { consumer, takeOverAfterMs } = this.deps;
    return (await this.#scripts.run(TAKE, this.#keys, [consumer, takeOverAfterMs])) as string | null;
  }

  /** Stops what another one has in hand, while this process was held up. */
  async #keep(text: string, taken: AbortController): Promise<void> {
    const kept = await this.#take().catch(() => text);
    if (kept !== text) {
      taken.abort();
    }
  }
}

function eventOf(text: string): OutcomeEvent {
  return (JSON.parse(text) as DeadLetter).event;
}
