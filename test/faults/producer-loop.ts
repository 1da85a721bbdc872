import { setTimeout as wait } from 'node:timers/promises';
import type { Outcome } from '../../src/index.js';
import { bareKey } from './cells.js';
import { note, readJournal, submissionsOf } from './journal.js';
import type { Cancelling, Entry, Reverting } from './journal.js';
import type { ProducerOrder, Report } from './messages.js';
import { createRandom } from './random.js';
import type { Random } from './random.js';
import { shiftClock } from './shifted-clock.js';
import type { ProducerSettings } from './side.js';
import { drawNumbered, drawOther, drawScoresOf, drawUpdate, inShardOf, placed } from './traffic.js';
import type { DrawnUpdate } from './drawn-update.js';

/** An update that was accepted. */
export interface Accepted {
  readonly jobId: string;
  readonly index: number;
  outcome(): Promise<Outcome>;
  /** Takes it back, where a side can. */
  cancel?(): Promise<Cancelling>;
  /** Takes back what it did, where a side can. */
  revert?(): Promise<Reverting>;
}

/** How a side submits updates. */
export interface Submitter {
  submit(update: DrawnUpdate): Promise<Accepted>;
  /** All at once: an error is one for all. */
  submitTogether(updates: readonly DrawnUpdate[]): Promise<Accepted[]>;
  /** Whether the error says that nothing was accepted, or leaves it open. */
  wasAccepted(error: unknown): 'no' | 'unknown';
  close(): Promise<void>;
}

const MAX_BURST = 40;
/** Of what is sent again. */
const PAUSE_MS = 40;
const MAX_UNDER_WAY = 400;
const RECENT = 60;

/** Nothing shares a job with an update that has a priority. */
const ALONE = { priority: 1 };
const RESUBMIT_AFTER_MS = 200;
const REVERT_TRIES = 5;

/** An order to die is void when nothing is submitted in this time. */
const DIE_WITHIN_MS = 1_000;

type Answered = { readonly accepted: Accepted } | { readonly error: unknown };

/** Submits updates in bursts, notes all that happens in the journal, and follows the supervisor's orders. */
export class ProducerLoop {
  readonly #random: Random;
  readonly #underWay = new Set<Promise<void>>();
  readonly #recentKeyed: DrawnUpdate[] = [];
  #updates = 0;
  #submissions = 0;
  #resubmitted: Promise<void> = Promise.resolve();
  #stopping = false;
  #dieUntilMs = 0;

  constructor(
    private readonly settings: ProducerSettings,
    private readonly submitter: Submitter,
  ) {
    this.#random = createRandom(settings.seed + settings.incarnation);
    process.on('message', (order: ProducerOrder) => {
      this.#obey(order);
    });
    process.on('SIGTERM', () => {
      void submitter.close().then(() => process.exit(0));
    });
  }

  /** Runs until it is told to stop. */
  async run(): Promise<void> {
    this.#resubmitted = this.#resubmit(this.#journaledKeyed());
    tell({ report: 'ready' });
    if (this.settings.resubmitAll) {
      return;
    }
    for (;;) {
      await wait(this.#random.int(...this.settings.pace.betweenBurstsMs));
      if (this.#stopping) {
        return;
      }
      if (this.#underWay.size < MAX_UNDER_WAY) {
        this.#burst();
      }
    }
  }

  async #resubmit(updates: readonly DrawnUpdate[]): Promise<void> {
    for (let start = 0; start < updates.length; start += MAX_BURST) {
      this.#submitAlone(updates.slice(start, start + MAX_BURST));
      await wait(PAUSE_MS);
    }
  }

  /** Keyed updates of earlier incarnations: those that had no outcome yet, or all. */
  #journaledKeyed(): DrawnUpdate[] {
    const submissions = submissionsOf(readJournal(this.settings.journal));
    const decided = new Set(submissions.filter(({ outcome }) => outcome).map(({ update }) => update.id));
    const updates = new Map(submissions.map(({ update }) => [update.id, update]));
    return [...updates.values()].filter(
      ({ id, idempotencyKey }) => idempotencyKey !== undefined && (this.settings.resubmitAll || !decided.has(id)),
    );
  }

  #burst(): void {
    const { name, incarnation, keyedOnly, shards } = this.settings;
    const updates = Array.from({ length: this.#random.int(1, MAX_BURST) }, () => {
      this.#updates += 1;
      const id = `${name}.${incarnation}.${this.#updates}`;
      return placed(drawNumbered(this.#random, id, { keyed: keyedOnly }), shards);
    });
    if (this.#random.chance(25)) {
      this.#submitTogether(updates);
    } else {
      this.#submitAlone(updates);
    }
  }

  #submitAlone(updates: readonly DrawnUpdate[]): void {
    for (const update of updates) {
      const submission = this.#intend(update);
      this.#keepTrack(this.#settle(update, submission, answer(this.submitter.submit(update))));
    }
    this.#maybeDie();
  }

  #submitTogether(updates: readonly DrawnUpdate[]): void {
    const submissions = updates.map((update) => this.#intend(update));
    const all = this.submitter.submitTogether(updates);
    for (const [index, update] of updates.entries()) {
      const one = all.then((accepted) => accepted[index]!);
      this.#keepTrack(this.#settle(update, submissions[index]!, answer(one)));
    }
    this.#maybeDie();
  }

  #intend(update: DrawnUpdate): string {
    this.#submissions += 1;
    const submission = `${this.settings.name}.${this.settings.incarnation}/${this.#submissions}`;
    this.#note({ submission, type: 'intent', update });
    if (update.idempotencyKey !== undefined) {
      this.#recentKeyed.push(update);
      this.#recentKeyed.splice(0, this.#recentKeyed.length - RECENT);
    }
    return submission;
  }

  /** Waits for the answer and the outcome. An update with a key is sent again until it is accepted. */
  async #settle(
    update: DrawnUpdate,
    submission: string,
    answering: Promise<Answered>,
    resubmitMs = this.settings.pace.resubmitMs[0],
  ): Promise<void> {
    const answered = await answering;
    if ('error' in answered) {
      const { message } = answered.error as Error;
      this.#note({ submission, type: 'refusal', accepted: this.submitter.wasAccepted(answered.error), message });
      if (update.idempotencyKey !== undefined) {
        await wait(resubmitMs);
        const next = this.#intend(update);
        const longestMs = this.settings.pace.resubmitMs[1];
        await this.#settle(update, next, answer(this.submitter.submit(update)), Math.min(longestMs, 2 * resubmitMs));
      }
      return;
    }
    const { jobId, index } = answered.accepted;
    this.#note({ submission, type: 'ack', jobId, index });
    await Promise.all([
      this.#cancel(update, submission, answered.accepted),
      this.#follow(update, submission, answered.accepted),
    ]);
  }

  async #cancel({ cancelAfterMs }: DrawnUpdate, submission: string, accepted: Accepted): Promise<void> {
    if (cancelAfterMs === undefined || accepted.cancel === undefined) {
      return;
    }
    await wait(cancelAfterMs);
    this.#note({ submission, type: 'cancel', told: await accepted.cancel() });
  }

  async #follow(update: DrawnUpdate, submission: string, accepted: Accepted): Promise<void> {
    try {
      const outcome = await accepted.outcome();
      this.#note({ submission, type: 'outcome', outcome });
      if (outcome.status === 'applied') {
        await this.#revert(update, submission, accepted);
      }
    } catch (error) {
      this.#note({ submission, type: 'no-outcome', message: (error as Error).message });
    }
  }

  /** Twice at a time; and again while it is not known whether it was accepted. */
  async #revert({ revertAfterMs }: DrawnUpdate, submission: string, accepted: Accepted): Promise<void> {
    if (revertAfterMs === undefined || accepted.revert === undefined) {
      return;
    }
    await wait(revertAfterMs);
    for (let tries = 0; tries < REVERT_TRIES; tries += 1) {
      const told = await Promise.all([accepted.revert(), accepted.revert()]);
      for (const each of told) {
        this.#note({ submission, type: 'revert', told: each });
      }
      if (!told.includes('unknown')) {
        return;
      }
      await wait(RESUBMIT_AFTER_MS);
    }
  }

  #obey(order: ProducerOrder): void {
    switch (order.order) {
      case 'same-key-twice': {
        const updates = createRandom(order.seed).shuffle(this.#recentKeyed).slice(0, 3);
        this.#submitAlone([...updates, ...updates]);
        tell({ report: 'done', happened: updates.length > 0 });
        break;
      }
      case 'other-payload': {
        const random = createRandom(order.seed);
        const [first] = random.shuffle(this.#recentKeyed);
        if (first?.idempotencyKey !== undefined) {
          const other = inShardOf(drawOther(random, first, `${first.id}-other-${order.seed}`), first.shard ?? '');
          this.#submitAlone([{ ...other, idempotencyKey: first.idempotencyKey }]);
        }
        tell({ report: 'done', happened: first !== undefined });
        break;
      }
      case 'one-cell': {
        const random = createRandom(order.seed);
        const ids = Array.from({ length: random.int(2, 8) }, (_, number) => `one-cell.${order.seed}.${number}`);
        const shard = order.cell.key.slice(0, -bareKey(order.cell.key).length);
        const updates = ids.map((id) => inShardOf(drawScoresOf(random, order.cell, id), shard));
        if (order.sent === 'together') {
          this.#submitTogether(updates);
        } else {
          this.#submitAlone(updates.map((update) => ({ ...update, options: ALONE })));
        }
        tell({ report: 'done', happened: true });
        break;
      }
      case 'shared-update':
        this.#submitAlone([
          placed(drawUpdate(createRandom(order.seed), `shared.${order.number}`, { keyed: true }), this.settings.shards),
        ]);
        tell({ report: 'done', happened: true });
        break;
      case 'die-after-submit':
        this.#dieUntilMs = performance.now() + DIE_WITHIN_MS;
        break;
      case 'clock':
        shiftClock(order.offsetMs);
        break;
      case 'stop':
        this.#stopping = true;
        void this.#finish();
        break;
    }
  }

  #maybeDie(): void {
    if (performance.now() < this.#dieUntilMs) {
      setImmediate(() => process.kill(process.pid, 'SIGKILL'));
    }
  }

  #keepTrack(settling: Promise<void>): void {
    const tracked = settling.finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
  }

  async #finish(): Promise<void> {
    await this.#resubmitted;
    while (this.#underWay.size > 0) {
      await Promise.all(this.#underWay);
    }
    tell({ report: 'stopped' });
  }

  #note(entry: Entry): void {
    note(this.settings.journal, entry);
  }
}

function answer(submitting: Promise<Accepted>): Promise<Answered> {
  return submitting.then(
    (accepted) => ({ accepted }),
    (error: unknown) => ({ error }),
  );
}

function tell(report: Report): void {
  process.send?.(report);
}
