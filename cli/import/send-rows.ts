import { setTimeout } from 'node:timers/promises';
import { BackpressureError } from '../../src/errors.js';
import type { BuiltInOperation, Operation, Outcome, Producer, Submission, Update } from '../../src/index.js';
import { addCounts } from './row-outcomes.js';
import type { StatusCounts } from './row-outcomes.js';

/** Updates that are submitted together, and such parts whose outcomes are awaited at a time. */
const PART = 512; // two full jobs
const PARTS_AT_A_TIME = 16;

/** How long to wait where a queue is full. */
const FULL_PAUSE_MS = 200;

/** An update with the line that it came from. */
export interface RowUpdate {
  readonly line: number;
  readonly update: Update;
}

interface Progress {
  /** Rows from the first of this run on whose outcomes are all known. */
  readonly done: number;
  readonly outcomes: StatusCounts;
  /** `performance.now()` before the first of the others was sent. */
  readonly sentAt: number;
}

interface Listener {
  readonly progress: (progress: Progress) => void;
  readonly outcome: (line: number, outcome: Outcome) => void;
}

interface Part {
  readonly rows: number;
  readonly sentAt: number;
  /** When they are known. */
  outcomes?: StatusCounts;
}

/** Submits rows in their order, and waits for the outcome of each. */
export class RowSender {
  readonly #sending: Part[] = [];
  #part: RowUpdate[] = [];
  #done = 0;
  #outcomes: StatusCounts = {};
  #failure: unknown;
  #onChange: () => void = () => undefined;

  /** @param timeoutMs how long an outcome may take */
  constructor(
    private readonly producer: Producer<BuiltInOperation | Operation>,
    private readonly timeoutMs: number,
    private readonly listener: Listener,
  ) {}

  /** @returns what resolves when there is room for the next one, and rejects with what an earlier one failed with; nothing while there is */
  send(row: RowUpdate): Promise<void> | undefined {
    this.#part.push(row);
    return this.#part.length === PART ? this.#sendPart() : undefined;
  }

  /** Resolves when all outcomes are known. @throws what one failed with */
  async end(): Promise<StatusCounts> {
    await this.#sendPart();
    await this.#untilAtMost(0);
    return this.#outcomes;
  }

  async #sendPart(): Promise<void> {
    const rows = this.#part;
    this.#part = [];
    await this.#untilAtMost(PARTS_AT_A_TIME - 1);
    if (rows.length === 0) {
      return;
    }
    const sending: Part = { rows: rows.length, sentAt: performance.now() };
    this.#sending.push(sending);
    void this.#follow(rows)
      .then((outcomes) => {
        sending.outcomes = outcomes;
        this.#note();
      })
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#onChange();
      });
  }

  async #follow(rows: readonly RowUpdate[]): Promise<StatusCounts> {
    const submissions = await this.#submit(rows.map(({ update }) => update));
    const options = { timeoutMs: this.timeoutMs };
    // One of each job first: those of the others are known then, and nobody has to wait for them one by one.
    const jobs = new Map(submissions.map((submission) => [submission.jobId, submission]));
    await Promise.all([...jobs.values()].map((submission) => submission.outcome(options)));
    const outcomes = await Promise.all(submissions.map((submission) => submission.outcome(options)));
    const counts: Record<string, number> = {};
    for (const [place, outcome] of outcomes.entries()) {
      counts[outcome.status] = (counts[outcome.status] ?? 0) + 1;
      this.listener.outcome(rows[place]?.line ?? 0, outcome);
    }
    return counts;
  }

  async #submit(updates: Update[]): Promise<Submission[]> {
    for (;;) {
      try {
        return await this.producer.submit(updates as readonly { operation: string; params: unknown }[]);
      } catch (error) {
        if (!(error instanceof BackpressureError)) {
          throw error;
        }
        await setTimeout(FULL_PAUSE_MS);
      }
    }
  }

  #note(): void {
    let [first] = this.#sending;
    while (first?.outcomes !== undefined) {
      this.#done += first.rows;
      this.#outcomes = addCounts(this.#outcomes, first.outcomes);
      this.#sending.shift();
      [first] = this.#sending;
    }
    const sentAt = first?.sentAt ?? performance.now();
    this.listener.progress({ done: this.#done, outcomes: this.#outcomes, sentAt });
  }

  async #untilAtMost(parts: number): Promise<void> {
    while (
      this.#failure === undefined &&
      this.#sending.filter(({ outcomes }) => outcomes === undefined).length > parts
    ) {
      await new Promise<void>((resolve) => {
        this.#onChange = resolve;
      });
    }
    if (this.#failure !== undefined) {
      throw this.#failure as Error;
    }
  }
}
