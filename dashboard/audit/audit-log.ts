import type { Store } from '../../src/layout/store.js';
import { askMasterOf, requireMasterOf } from '../master-unreachable.js';
import { entrySchema } from './entry.js';
import type { AuditEntry } from './entry.js';

/** How many entries are kept in Redis, of users and of strangers each; the log has them all. */
const KEPT_ENTRIES = 1_000;

/** Who did what, the latest first. */
export interface AuditTrail {
  readonly ofUsers: readonly AuditEntry[];
  /** What was tried by requests that nobody had signed in for. */
  readonly ofStrangers: readonly AuditEntry[];
}

/** Notes every action in the log, and the last ones in Redis. */
export class AuditLog {
  readonly #writing = new Set<Promise<void>>();

  constructor(private readonly store: Store) {}

  /** Whoever acted has the answer already, so nobody waits for it; {@link written} does. */
  record(entry: AuditEntry): void {
    this.store.logger.info({ audit: entry }, wordsOf(entry));
    const writing = this.#keep(entry)
      .catch((error: unknown) => {
        this.store.logger.error({ err: error, audit: entry }, 'an action is in the log only: Redis did not take it');
      })
      .finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
  }

  /** Resolves when all that was recorded is in Redis. */
  async written(): Promise<void> {
    await Promise.all(this.#writing);
  }

  async read(): Promise<AuditTrail> {
    const { audit, anonymousAudit } = this.store.keys;
    const [ofUsers, ofStrangers] = await Promise.all([this.#list(audit), this.#list(anonymousAudit)]);
    return { ofUsers, ofStrangers };
  }

  async #list(key: string): Promise<AuditEntry[]> {
    const { redis, masters } = this.store;
    const entries = await askMasterOf(masters, key, 'the audit', () => redis.lrange(key, 0, KEPT_ENTRIES - 1));
    return entries.flatMap(readEntry);
  }

  async #keep(entry: AuditEntry): Promise<void> {
    const { redis, keys, masters } = this.store;
    const key = entry.role === undefined ? keys.anonymousAudit : keys.audit;
    await requireMasterOf(masters, key, 'the audit');
    await redis.lpush(key, JSON.stringify(entry));
    await redis.ltrim(key, 0, KEPT_ENTRIES - 1);
  }
}

/** An entry of another version that can't be read is left out. */
function readEntry(text: string): AuditEntry[] {
  try {
    return [entrySchema.parse(JSON.parse(text))];
  } catch {
    return [];
  }
}

function wordsOf({ who = 'someone', role, action, queue, job, detail, result, from }: AuditEntry): string {
  const whose = role === undefined ? who : `${who} (${role})`;
  const what = [action, queue && `queue ${queue}`, job && `job ${job}`, detail].filter(Boolean).join(', ');
  return `${whose} from ${from}: ${what}: ${result}`;
}
