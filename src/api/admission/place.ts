import { QueueUnavailableError, TallyError } from '../../errors.js';
import { Problem } from '../../web/problems.js';
import type { Allowance } from '../access/update-rates.js';
import type { Room } from './room.js';

/** The place of one request in the room, and what its updates take of the rate of its API key. */
export class Place {
  #isIn = false;
  #isSubmitting = false;
  #isOver = false;
  /** What was taken of the rate. */
  #taken = 0;
  #stopWaiting: () => void = () => undefined;

  constructor(
    private readonly room: Room,
    private readonly owner: string,
    private readonly allowance: Allowance | undefined,
    /** What it has, or asks for, of the room: at most so many, until they are known. */
    private updates: number,
  ) {}

  /** Whether the request ended before its updates were submitted. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Asks for room, unless there is some already, or the request is over: what takes none then need not give it back.
   *
   * @param done called with whether there is, unless it was given up before
   * @throws Problem `RATE_LIMITED`
   */
  enter(done: (isIn: boolean) => void): void {
    if (this.#isOver) {
      return;
    }
    if (this.#isIn) {
      done(true);
      return;
    }
    if (this.#taken === 0) {
      this.#count(1); // more is not known of any body: who sends little must not be refused for what there might be
    }
    this.#stopWaiting = this.room.enter(this.owner, this.updates, (isIn) => {
      this.#isIn = isIn;
      done(isIn);
    });
  }

  /** Leaves room to others until the body is here. */
  stepOut(): void {
    if (this.#isIn && !this.#isSubmitting) {
      this.leave();
    }
  }

  /**
   * Submits the updates, which are known now: the place is held until that is over, whether or not the client is there. Others may
   * come in while the request waits for outcomes. What was refused is not counted.
   *
   * @throws Problem `RATE_LIMITED` when others have used up meanwhile what was left
   */
  async submit<Submitted>(updates: number, submit: () => Promise<Submitted>): Promise<Submitted> {
    this.#isSubmitting = true;
    if (this.#isIn) {
      this.room.correct(this.owner, this.updates, updates);
    }
    this.updates = updates;
    try {
      this.#count(updates);
      return await submit();
    } catch (error) {
      if (isRefusal(error)) {
        this.#countNone();
      }
      throw error;
    } finally {
      this.leave();
    }
  }

  /** The request is over: so are its place and its waiting, and what it did not submit is not counted. */
  giveUp(): void {
    if (this.#isSubmitting) {
      return;
    }
    this.#isOver = true;
    this.#stopWaiting();
    this.leave();
    this.#countNone();
  }

  leave(): void {
    if (this.#isIn) {
      this.#isIn = false;
      this.room.leave(this.owner, this.updates);
    }
  }

  /** Has so many counted by the rate, in place of what was. */
  #count(updates: number): void {
    this.#countNone();
    this.allowance?.take(updates);
    this.#taken = updates;
  }

  #countNone(): void {
    this.allowance?.giveBack(this.#taken);
    this.#taken = 0;
  }
}

/** Whether nothing was accepted for certain: after a fault of Redis', or of ours, something may be. */
function isRefusal(error: unknown): boolean {
  return error instanceof QueueUnavailableError
    ? error.accepted === 'none'
    : error instanceof TallyError || error instanceof Problem;
}
