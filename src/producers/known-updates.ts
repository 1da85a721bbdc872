import type { Store } from '../layout/store.js';
import type { CheckContext } from '../operations/update.js';
import { askRedis } from '../redis/ask-redis.js';
import type { ReplicaConfirmation } from '../redis/replicas.js';
import { Canceller } from './cancel.js';
import { findByKey } from './find-by-key.js';
import type { KeyQuestion, RecordedUpdate } from './find-by-key.js';
import { findUpdate } from './find-update.js';
import type { FoundUpdate, Search } from './find-update.js';
import { wasForgotten } from './forgotten-outcome.js';
import type { KeyLookUp } from './idempotency.js';
import { Reverting } from './revert.js';
import type { RevertDeps } from './revert.js';
import type { Sender } from './sender.js';

interface KnownUpdatesDeps extends Pick<RevertDeps, 'send'> {
  readonly store: Store;
  readonly context: CheckContext;
  readonly keyLookUp: KeyLookUp;
  readonly confirmation: ReplicaConfirmation;
  readonly sender: Sender;
  readonly timeoutMs: number;
}

/** What a producer does with updates that were submitted, by whomever. Its methods are those of the producer. */
export class KnownUpdates {
  readonly #search: Search;
  readonly #canceller: Canceller;
  readonly #reverting: Reverting;

  constructor(private readonly deps: KnownUpdatesDeps) {
    const { store, context, timeoutMs, keyLookUp, confirmation, sender, send } = deps;
    const { registry } = context;
    this.#search = { ...store, registry, readLayouts: () => store.layouts.read(), timeoutMs };
    this.#canceller = new Canceller({ ...store, ...this.#search, keyLookUp, confirmation, sender });
    this.#reverting = new Reverting({ ...this.#search, context, send });
  }

  find(id: string): Promise<FoundUpdate | undefined> {
    return findUpdate(this.#search, id);
  }

  wasForgotten(id: string): Promise<boolean> {
    return wasForgotten(this.#search, id);
  }

  async findByKey(question: KeyQuestion): Promise<RecordedUpdate | undefined> {
    const { store, context, keyLookUp, timeoutMs } = this.deps;
    const { idempotencyOwner = '', registry } = context;
    const search = { keyLookUp, find: (id: string) => this.find(id), registry, idempotencyOwner };
    return await askRedis(store.redis, timeoutMs, findByKey(search, question));
  }

  cancel(id: string): Promise<void> {
    return this.#canceller.cancel(id);
  }

  revert(...question: Parameters<Reverting['revert']>): ReturnType<Reverting['revert']> {
    return this.#reverting.revert(...question);
  }
}
