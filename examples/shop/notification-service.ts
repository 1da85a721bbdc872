/**
 * A notification service. It writes "order placed" for each order, and "low stock" once per crossing: when an article falls
 * below 5, and again only when it has been there and falls once more.
 *
 *     npx tsx examples/shop/notification-service.ts mails.jsonl
 *
 * Kill it whenever you like, or run two: each mail is sent at least once, and has an id by which one that comes twice is known.
 */
import { createSubscriber } from '../../src/index.js';
import type { CellChange } from '../../src/index.js';
import { Journal } from './journal.js';
import { orderIdOf } from './orders.js';
import { tallySettings, untilStopped } from '../settings.js';

const LOW = 5;

interface Mail {
  readonly id: string;
  readonly text: string;
}

const [, , path = 'mails.jsonl'] = process.argv;
const journal = new Journal<Mail>(path);
const sent = new Set(journal.entries.map(({ id }) => id));

/** In place of a provider, which takes the id as idempotency key. */
function send(mail: Mail): void {
  if (!sent.has(mail.id)) {
    journal.add(mail);
    sent.add(mail.id);
    console.log(mail.text);
  }
}

const stopped = untilStopped(); // from now on: mails may go out before all groups are open
const settings = { ...tallySettings(), start: 'beginning', takeOverAfterMs: 5_000 } as const;

const placed = createSubscriber({
  ...settings,
  group: 'order-placed',
  filter: { operations: ['inventory.takeAll'], statuses: ['applied'] },
  onOutcome: ({ id, data }) => {
    const order = orderIdOf(data.idempotencyKey);
    if (order !== undefined) {
      send({ id, text: `order placed: ${order}` });
    }
  },
});

const low = createSubscriber({
  ...settings,
  group: 'low-stock',
  filter: { keys: ['stock:*'], crosses: { below: LOW } },
  onOutcome: ({ id, data }) => {
    for (const { key, after } of data.cells.filter(fellLow)) {
      send({ id: `${id}:${key}`, text: `low stock: ${after} of ${key}` }); // an order of two articles may cross twice
    }
  },
});

/** Of the cells of an event that crosses, those that do. */
function fellLow({ key, before, after }: CellChange): boolean {
  return key.startsWith('stock:') && (before ?? 0) >= LOW && (after ?? 0) < LOW;
}

await Promise.race([Promise.all([placed.ready(), low.ready()]), stopped]);
console.log('listening');
await stopped;
await Promise.all([placed.close(), low.close()]);
