import { describe, expect, test } from 'vitest';
import { Batcher } from '../../src/producers/batcher.js';

interface Sent {
  readonly items: readonly number[];
  arrive(): void;
  fail(error: Error): void;
}

interface Item {
  readonly cells: number;
  readonly resolve: (receipt: string) => void;
  readonly reject: (error: unknown) => void;
}

/** A batcher whose batches arrive when the test says so. An item is the number of its cells. */
function setup({ maxBatch = 100, maxCells = 100, maxInFlight = 1 } = {}) {
  const sent: Sent[] = [];
  const total = { waiting: 0 };
  const batcher = new Batcher<Item, string>({
    maxBatch,
    maxCells,
    maxInFlight,
    total,
    send: (batch) =>
      new Promise((resolve, reject) => {
        const items = batch.map(({ cells }) => cells);
        sent.push({
          items,
          arrive: () => {
            resolve(items.map((item, index) => `${item} at ${index}`));
          },
          fail: reject,
        });
      }),
    notSent: (cause) => new Error('not sent', { cause }),
  });
  /** What the caller of each update gets, in the order of the calls. */
  const receipts: Promise<string>[] = [];
  const push = (...items: number[]): void => {
    for (const cells of items) {
      const receipt = new Promise<string>((resolve, reject) => {
        batcher.push({ cells, resolve, reject });
      });
      receipt.catch(() => undefined);
      receipts.push(receipt);
    }
    batcher.dispatch();
  };
  return { batcher, total, sent, push, receipts, batches: () => sent.map(({ items }) => items) };
}

/** Lets everything run that waits for nothing but promises and the end of a turn. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}

describe('a batcher', () => {
  test('sends at the end of the turn of the loop when idle, with all that is pushed in it', async () => {
    const { push, batches } = setup();

    push(1);
    await Promise.resolve();
    push(2, 3);
    expect(batches()).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));

    expect(batches()).toEqual([[1, 2, 3]]);
  });

  test('does not hold a full batch back', () => {
    const { push, batches } = setup({ maxBatch: 2 });

    push(1, 1);

    expect(batches()).toEqual([[1, 1]]);
  });

  test('gathers what arrives while a batch is on its way, and sends it together', async () => {
    const { total, push, sent, batches } = setup();
    push(1);
    await settle();
    push(2);
    await settle();
    push(3, 4);

    expect(batches()).toEqual([[1]]);
    expect(total.waiting).toBe(3);
    sent[0]!.arrive();
    await settle();

    expect(batches()).toEqual([[1], [2, 3, 4]]);
    expect(total.waiting).toBe(0);
  });

  test('is idle again after its last batch', async () => {
    const { push, sent, batches } = setup();
    push(1);
    await settle();
    sent[0]!.arrive();
    await settle();

    push(2);
    await settle();

    expect(batches()).toEqual([[1], [2]]);
  });

  test('gives each caller the receipt of its own place', async () => {
    const { push, sent, receipts } = setup();
    push(7);
    await settle();
    push(8, 9);
    sent[0]!.arrive();
    await settle();
    sent[1]!.arrive();

    expect(await Promise.all(receipts)).toEqual(['7 at 0', '8 at 0', '9 at 1']);
  });

  test('puts no more than maxBatch updates into a batch', async () => {
    const { push, sent, batches } = setup({ maxBatch: 2 });
    push(1, 1, 1, 1, 1);
    await settle();
    for (const index of [0, 1, 2]) {
      sent[index]!.arrive();
      await settle();
    }

    expect(batches()).toEqual([[1, 1], [1, 1], [1]]);
  });

  test('sends each update alone with a maxBatch of 1', async () => {
    const { push, sent, batches } = setup({ maxBatch: 1 });
    push(1, 2);
    push(3);
    for (const index of [0, 1, 2]) {
      sent[index]!.arrive();
      await settle();
    }

    expect(batches()).toEqual([[1], [2], [3]]);
  });

  test('puts no more than maxCells cells into a batch, unless its first update has more', async () => {
    const { push, sent, batches } = setup({ maxCells: 10 });
    push(4, 6, 1, 50, 3, 7, 1);
    await settle();
    for (const index of [0, 1, 2, 3, 4]) {
      sent[index]?.arrive();
      await settle();
    }

    expect(batches()).toEqual([[4, 6], [1], [50], [3, 7], [1]]);
  });

  test('refuses what gathered behind a batch that could not be sent, and names the cause', async () => {
    const { total, push, sent, receipts, batches } = setup();
    push(1);
    await settle();
    push(2);
    const cause = new Error('Redis is unreachable');
    sent[0]!.fail(cause);

    await expect(receipts[0]).rejects.toBe(cause);
    await expect(receipts[1]).rejects.toMatchObject({ message: 'not sent', cause });
    expect(total.waiting).toBe(0);
    expect(batches()).toEqual([[1]]);
  });

  test('sends again after a failure', async () => {
    const { push, sent, receipts, batches } = setup();
    push(1);
    await settle();
    sent[0]!.fail(new Error('Redis is unreachable'));
    await settle();

    push(2);
    await settle();
    sent[1]!.arrive();

    expect(await receipts[1]).toBe('2 at 0');
    expect(batches()).toEqual([[1], [2]]);
  });

  test('does not lose what a caller pushes at the very moment when a batch fails', async () => {
    const { push, sent, receipts } = setup();
    push(1);
    await settle();
    receipts[0]!.catch(() => {
      push(2);
    });
    sent[0]!.fail(new Error('Redis is unreachable'));
    await settle();

    sent[1]?.arrive();

    expect(await receipts[1]).toBe('2 at 0');
  });

  test('has as many batches on their way as it may', async () => {
    const { push, sent, batches } = setup({ maxBatch: 1, maxInFlight: 2 });
    push(1, 2, 3);
    expect(batches()).toEqual([[1], [2]]);

    sent[1]!.arrive();
    await settle();

    expect(batches()).toEqual([[1], [2], [3]]);
  });

  test('flushes when everything pushed so far is sent or refused', async () => {
    const { batcher, push, sent } = setup();
    push(1);
    await settle();
    push(2);
    let flushed = false;
    const flush = batcher.flush().then(() => {
      flushed = true;
    });
    sent[0]!.arrive();
    await settle();
    expect(flushed).toBe(false);

    sent[1]!.arrive();
    await flush;

    expect(flushed).toBe(true);
  });

  test('flushes what would have left at the end of this turn', async () => {
    const { batcher, push, sent, batches } = setup();
    push(1);
    const flush = batcher.flush();

    expect(batches()).toEqual([[1]]);
    sent[0]!.arrive();
    await flush;
  });

  test('flushes at once when idle', async () => {
    await expect(setup().batcher.flush()).resolves.toBeUndefined();
  });
});
