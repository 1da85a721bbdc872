/** Requests that wait in line: of one owner, and of all. Their bodies are not read yet, but for what has arrived unasked. */
const MAX_IN_LINE_OF_ONE = 1_000;
const MAX_IN_LINE = 2_000;

/** How long a request waits that is beyond its owner's limit: its sender slows down, and there may be room by then. */
const PATIENCE_BEYOND_MS = 2_000;

export interface RoomLimits {
  /** Updates that are read, checked or on their way to Redis at a time. */
  readonly atWork: number;
  /** Updates of one owner that may be at work or in line. */
  readonly ofOne: number;
  /** How long a request within that limit waits in line. */
  readonly patienceMs: number;
}

/** A request that waits, and what it asks for. */
interface Waiting {
  readonly updates: number;
  readonly enter: () => void;
}

/** Whoever's requests are counted together. */
interface Owner {
  /** At work or in line. */
  updates: number;
  readonly line: Set<Waiting>;
}

/**
 * Who may have updates read, checked and sent, and who waits: so many updates at a time that the process stays awake, the
 * others in a line for each owner, from which they are let in in turn. So nobody's flood keeps others waiting.
 */
export class Room {
  #atWork = 0;
  #inLine = 0;
  /** Those who have updates here; who was let in last stands last. */
  readonly #owners = new Map<string, Owner>();

  constructor(private readonly limits: RoomLimits) {}

  /** Updates at work. */
  get atWork(): number {
    return this.#atWork;
  }

  /** Requests in line. */
  get inLine(): number {
    return this.#inLine;
  }

  /**
   * Asks for room for so many updates.
   *
   * @param done called with whether there is; at once, when that is known
   * @returns what gives up waiting
   */
  enter(ownerName: string, updates: number, done: (isIn: boolean) => void): () => void {
    const owner = this.#owner(ownerName);
    const isBeyond = owner.updates > 0 && owner.updates + updates > this.limits.ofOne;
    owner.updates += updates;
    if (this.#inLine === 0 && this.#fits(updates)) {
      this.#atWork += updates;
      done(true);
      return () => undefined;
    }
    if (this.#inLine >= MAX_IN_LINE || owner.line.size >= MAX_IN_LINE_OF_ONE) {
      this.#forget(ownerName, owner, updates);
      done(false);
      return () => undefined;
    }
    return this.#wait(ownerName, owner, updates, isBeyond, done);
  }

  /** Ends what was let in. */
  leave(ownerName: string, updates: number): void {
    this.#atWork -= updates;
    this.#forget(ownerName, this.#owner(ownerName), updates);
    this.#letIn();
  }

  /** Corrects the number of updates of a request that was let in. */
  correct(ownerName: string, from: number, to: number): void {
    this.#owner(ownerName).updates += to - from;
    this.#atWork += to - from;
    if (to < from) {
      this.#letIn();
    }
  }

  #wait(
    ownerName: string,
    owner: Owner,
    updates: number,
    isBeyond: boolean,
    done: (isIn: boolean) => void,
  ): () => void {
    const end = () => {
      clearTimeout(timer);
      this.#inLine -= 1;
      owner.line.delete(waiting);
    };
    const giveUp = () => {
      end();
      this.#forget(ownerName, owner, updates);
    };
    const waiting: Waiting = {
      updates,
      enter: () => {
        end();
        this.#atWork += updates;
        done(true);
      },
    };
    const { patienceMs } = this.limits;
    const timer = setTimeout(
      () => {
        giveUp();
        done(false);
      },
      isBeyond ? Math.min(PATIENCE_BEYOND_MS, patienceMs) : patienceMs,
    );
    owner.line.add(waiting);
    this.#inLine += 1;
    return () => {
      if (owner.line.has(waiting)) {
        giveUp();
        this.#letIn(); // it may have stood before others that fit
      }
    };
  }

  /** One of each owner in turn, as long as there is room for the next one. */
  #letIn(): void {
    while (this.#inLine > 0) {
      const next = this.#next();
      if (next === undefined || !this.#fits(next.first.updates)) {
        return;
      }
      this.#owners.delete(next.name);
      this.#owners.set(next.name, next.owner);
      next.first.enter();
    }
  }

  #next(): { name: string; owner: Owner; first: Waiting } | undefined {
    for (const [name, owner] of this.#owners) {
      for (const first of owner.line) {
        return { name, owner, first };
      }
    }
    return undefined;
  }

  /** What is larger than all of the room has it for itself. */
  #fits(updates: number): boolean {
    return this.#atWork === 0 || this.#atWork + updates <= this.limits.atWork;
  }

  #owner(name: string): Owner {
    let owner = this.#owners.get(name);
    if (owner === undefined) {
      owner = { updates: 0, line: new Set() };
      this.#owners.set(name, owner);
    }
    return owner;
  }

  #forget(name: string, owner: Owner, updates: number): void {
    owner.updates -= updates;
    if (owner.updates === 0 && owner.line.size === 0) {
      this.#owners.delete(name);
    }
  }
}
