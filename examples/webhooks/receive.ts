/**
 * A receiver of Tally's webhooks: makes sure that a request comes from Tally, and handles each event once.
 *
 *     npx tsx examples/webhooks/receive.ts            (prints where it listens)
 *     npx tally webhooks add http://127.0.0.1:PORT/ --operations inventory.take --crosses below:5
 *
 * The secret that `add` prints is read from the environment: WEBHOOK_SECRET
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';

const secret = process.env['WEBHOOK_SECRET'];

/** Tally sends an event until it is taken, and so perhaps twice. In a real service: a column in your database. */
const seen = new Set<string>();

interface Outcome {
  readonly type: string;
  readonly subject?: string;
  readonly data: { readonly cells?: readonly { readonly before?: number | null; readonly after?: number | null }[] };
}

const server = createServer((request, response) => {
  void (async () => {
    if (request.method === 'OPTIONS') {
      // Tally asks before it sends anything: only its own name is let in.
      const isTally = request.headers['webhook-request-origin'] === 'tally';
      response.writeHead(200, {
        Allow: 'POST',
        ...(isTally && { 'WebHook-Allowed-Origin': 'tally', 'WebHook-Allowed-Rate': '*' }),
      });
      response.end();
      return;
    }
    const body = await text(request); // as it came: what was parsed and written again has another signature
    let event: Outcome;
    try {
      event = new Webhook(secret ?? '').verify(body, request.headers as Record<string, string>) as Outcome;
    } catch {
      response.writeHead(401).end();
      return;
    }
    const id = String(request.headers['webhook-id']);
    if (!seen.has(id)) {
      seen.add(id);
      const [cell] = event.data.cells ?? [];
      console.log(`${event.type} ${event.subject ?? ''} ${cell?.before ?? '-'} -> ${cell?.after ?? '-'}`);
    }
    response.writeHead(204).end(); // within 15 seconds; work that takes longer goes into a queue first
  })();
}).listen(Number(process.env['PORT'] ?? 0), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});
