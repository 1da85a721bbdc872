import { Problem } from '../web/problems.js';

/** Followers of one process: each takes some 30 KB while it keeps up. */
const MAX_FOLLOWERS = 5_000;

/**
 * The places of those who follow outcomes in this process. An owner of API keys may take as many as are left free: half of all where
 * nobody else follows, so that there is one for whoever comes.
 */
export class FollowerPlaces {
  #taken = 0;
  readonly #ofOwners = new Map<string, number>();

  /**
   * @param owner undefined where callers are not told apart: then all places are theirs
   * @returns what gives the place back
   * @throws Problem `TOO_MANY_FOLLOWERS`; `RATE_LIMITED` when others are to have what is left
   */
  take(owner: string | undefined): () => void {
    const free = MAX_FOLLOWERS - this.#taken;
    if (free === 0) {
      throw new Problem('TOO_MANY_FOLLOWERS', `${MAX_FOLLOWERS} clients follow outcomes here: ask another server`);
    }
    if (owner !== undefined) {
      this.#count(owner, free);
    }
    this.#taken += 1;
    return () => {
      this.#taken -= 1;
      if (owner !== undefined) {
        this.#leave(owner);
      }
    };
  }

  #count(owner: string, free: number): void {
    const taken = this.#ofOwners.get(owner) ?? 0;
    if (taken >= free) {
      const what = `${taken} clients of the API keys' owner "${owner}" follow outcomes here, and what is left is for others`;
      const headers = { 'Retry-After': '10' };
      throw new Problem('RATE_LIMITED', `${what}: end some of them, or ask another server`, {
        accepted: 'none',
        headers,
      });
    }
    this.#ofOwners.set(owner, taken + 1);
  }

  #leave(owner: string): void {
    const left = (this.#ofOwners.get(owner) ?? 0) - 1;
    if (left > 0) {
      this.#ofOwners.set(owner, left);
    } else {
      this.#ofOwners.delete(owner);
    }
  }
}
