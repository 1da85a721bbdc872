import { setTimeout as wait } from 'node:timers/promises';
import type { ExampleContext, Lesson } from './example.js';
import { runAlone } from './running.js';

/** A notifier that sends "low stock" once, when stock falls below 5, and again only when it has been there and falls once more. */
export async function run({ producer, subscribe, key }: ExampleContext): Promise<Lesson> {
  const { inventory } = producer;
  const lamps = key('stock:lamp');
  const sent: string[] = [];
  const notifier = subscribe({
    group: 'low-stock',
    filter: { operations: ['inventory.take'], keys: [lamps], crosses: { below: 5 } },
    onOutcome: ({ data }) => {
      sent.push(`low stock: ${data.cells[0]?.after} left`); // in place of a mail
    },
  });
  await notifier.ready();

  await (await inventory.restock({ key: lamps, quantity: 10 })).outcome();
  const steps: Lesson['steps'][number][] = [];
  for (const quantity of [4, 3, 1]) {
    const taken = await inventory.take({ key: lamps, quantity, whenShort: 'reject' });
    steps.push({ did: `inventory.take stock:lamp quantity ${quantity}`, answer: await taken.outcome() });
  }
  const delivered = await inventory.restock({ key: lamps, quantity: 5 });
  steps.push({ did: 'inventory.restock stock:lamp quantity 5', answer: await delivered.outcome() });
  const last = await inventory.take({ key: lamps, quantity: 6, whenShort: 'reject' });
  steps.push({ did: 'inventory.take stock:lamp quantity 6', answer: await last.outcome() });
  while (sent.length < 2) {
    await wait(20);
  }
  await notifier.close();

  return { title: 'Tell once that stock is low', steps: [...steps, { did: 'mails sent', answer: sent.join('; ') }] };
}

await runAlone(import.meta, run);
