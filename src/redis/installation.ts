import { v4 } from 'uuid';
import type { Connection } from './connection.js';
import type { Keys } from './keys.js';

/** What Tally asks people and programs for who call it: once there was one, it is asked for from then on. */
export type Door = 'users' | 'apiKeys';

/** By which a Redis is known that holds what Tally remembers. Whoever empties it takes this with the rest. */
export interface Mark {
  readonly id: string;
  /** Whether there are, or were, users of the dashboard, and nobody removed the last one on purpose. */
  readonly users: boolean;
  /** The same of API keys. */
  readonly apiKeys: boolean;
  /** Whether somebody has said that what was there before is gone, and that this takes its place. */
  readonly replacesLost: boolean;
}

const YES = '1';

/** Reads and makes the mark of an installation in Redis. */
export class InstallationMark {
  constructor(
    private readonly redis: Connection,
    private readonly keys: Keys,
  ) {}

  /** @returns undefined when there is none */
  async read(): Promise<Mark | undefined> {
    const { id, users, apiKeys, replacesLost } = await this.redis.hgetall(this.keys.installation);
    return id === undefined
      ? undefined
      : { id, users: users === YES, apiKeys: apiKeys === YES, replacesLost: replacesLost === YES };
  }

  /** Makes it, unless there is one. @returns the one that is there then */
  async make(fields: Partial<Omit<Mark, 'id'>> = {}): Promise<Mark> {
    const { installation } = this.keys;
    if ((await this.redis.hsetnx(installation, 'id', v4())) === 1) {
      for (const [name, isSo] of Object.entries(fields).filter(([, value]) => value)) {
        await this.redis.hset(installation, name, isSo ? YES : '');
      }
    }
    return (await this.read()) ?? this.make(fields);
  }

  /**
   * Says of the mark that is there, or is made now, that it takes the place of one that is lost: some process that had forgotten
   * that one may have made it already.
   */
  async accept(fields: Pick<Mark, Door>): Promise<Mark> {
    const mark = (await this.read()) ?? (await this.make({ ...fields, replacesLost: true }));
    if (!mark.replacesLost) {
      await this.redis.hset(this.keys.installation, 'replacesLost', YES);
    }
    return { ...mark, replacesLost: true };
  }

  /** Notes that there are users or API keys, or that somebody has removed the last one on purpose. */
  async note(door: Door, isClosed: boolean): Promise<void> {
    await this.redis.hset(this.keys.installation, door, isClosed ? YES : '');
  }
}
