import { existsSync, readFileSync } from 'node:fs';
import type { Order } from '../../../examples/shop/orders.js';
import type { OutcomeEvent } from '../../../src/index.js';
import type { Delivery } from './traffic.js';

const LOW = 5;
const ORDER_KEY = 'order-';

/** The whole lines of a journal: its writer may be at work, or was killed. */
export function linesOf<Line>(path: string): Line[] {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
}

/** The ids of the mails that have to be sent, as the stream says: one for each order that took its goods, one for each crossing. */
export function mailsDue(events: readonly OutcomeEvent[]): { placed: string[]; low: string[] } {
  const applied = events.filter(({ data }) => data.status === 'applied');
  return {
    placed: applied.filter(({ data }) => data.idempotencyKey?.startsWith(ORDER_KEY)).map(({ id }) => id),
    low: applied.flatMap(({ id, data }) =>
      data.cells
        .filter(({ before, after }) => (before ?? 0) >= LOW && (after ?? 0) < LOW)
        .map(({ key }) => `${id}:${key}`),
    ),
  };
}

/** What is wrong with the stream: each of what was accepted stands in it once, nothing else does, and each change follows the one before. */
export function faultsOfStream(
  events: readonly OutcomeEvent[],
  orders: ReadonlyMap<string, Order>,
  deliveries: ReadonlyMap<string, Delivery>,
): { faults: string[]; stock: Map<string, number> } {
  const faults: string[] = [];
  const stock = new Map<string, number>();
  const seen = new Set<string>();
  for (const { id, data } of events) {
    const { idempotencyKey: key = '', status, cells } = data;
    if (seen.has(key) || (status !== 'applied' && status !== 'rejected')) {
      faults.push(`${id} of ${key} is told twice, or ended as nothing may end here`);
    }
    seen.add(key);
    const changes = changesOf(key, orders, deliveries);
    if (changes.size !== cells.length) {
      faults.push(`${id} of ${key} is of nobody, or names other cells`);
    }
    for (const { key: cell, before, after } of cells) {
      const held = stock.get(cell) ?? 0;
      const expected = status === 'applied' ? held + (changes.get(cell) ?? NaN) : held;
      if ((before ?? 0) !== held || (after ?? 0) !== expected || expected < 0) {
        faults.push(`${id}: ${cell} ${before} -> ${after}, where ${held} -> ${expected} was due`);
      }
      stock.set(cell, after ?? 0);
    }
  }
  const due = [...[...orders.keys()].map((id) => ORDER_KEY + id), ...deliveries.keys()];
  faults.push(...due.filter((key) => !seen.has(key)).map((key) => `${key} was accepted and is lost`));
  return { faults, stock };
}

function changesOf(
  key: string,
  orders: ReadonlyMap<string, Order>,
  deliveries: ReadonlyMap<string, Delivery>,
): Map<string, number> {
  const delivery = deliveries.get(key);
  if (delivery !== undefined) {
    return new Map([[delivery.key, delivery.quantity]]);
  }
  const { items = [] } = orders.get(key.slice(ORDER_KEY.length)) ?? {};
  return new Map(items.map(({ key, quantity }) => [key, -quantity]));
}
