/**
 * Between NATS JetStream and Tally: what is published to `updates.>` is submitted, and outcomes are published to `outcomes.>`.
 *
 *     nats-server -js
 *     NATS_URL=nats://127.0.0.1:4222 npx tsx examples/nats/bridge.ts
 *     nats pub updates.shop '{"operation":"inventory.take","params":{"key":"stock:lamp","quantity":2}}' -H Nats-Msg-Id:order-4711
 *
 * A message is acknowledged once Redis has its update, so it is never lost, and may come again; its id is the idempotency key, so it
 * takes effect once. An outcome counts as told once JetStream has it. Several may run. Workers need TALLY_OUTCOMES=true.
 */
import { createProducer, createSubscriber, TallyError, ValidationError } from '../../src/index.js';
import type { Update } from '../../src/index.js';
import { tallySettings, untilStopped } from '../settings.js';
import { Nats } from './nats.js';
import type { Message } from './nats.js';

const UPDATES = 'UPDATES';
const OUTCOMES = 'OUTCOMES';
const CONSUMER = 'tally';
const AT_A_TIME = 20;
const WAIT_MS = 5_000;

const settings = tallySettings();
const nats = await Nats.connect(process.env['NATS_URL'] ?? 'nats://127.0.0.1:4222');
const producer = createProducer(settings);

/** JetStream has one of this name, made otherwise: that is left as it is. */
const NAME_IN_USE = 10058;

/** Asks JetStream to have something, as it may have already. */
async function make(subject: string, what: object): Promise<void> {
  const answer = await nats.request(`$JS.API.${subject}`, JSON.stringify(what));
  const { error } = JSON.parse(answer.body) as { error?: { err_code: number; description: string } };
  if (error !== undefined && error.err_code !== NAME_IN_USE) {
    throw new Error(`JetStream: ${error.description}`);
  }
}

await make(`STREAM.CREATE.${UPDATES}`, { name: UPDATES, subjects: ['updates.>'] });
await make(`STREAM.CREATE.${OUTCOMES}`, { name: OUTCOMES, subjects: ['outcomes.>'] });
await make(`CONSUMER.DURABLE.CREATE.${UPDATES}.${CONSUMER}`, {
  stream_name: UPDATES,
  config: { durable_name: CONSUMER, ack_policy: 'explicit', ack_wait: 30_000_000_000 },
});

/** One after the other. Some of these run at once, so that what they submit shares jobs. */
async function consume(stopped: AbortSignal): Promise<void> {
  const next = JSON.stringify({ batch: 1, expires: WAIT_MS * 1_000_000 });
  while (!stopped.aborted) {
    const message = await nats.request(`$JS.API.CONSUMER.MSG.NEXT.${UPDATES}.${CONSUMER}`, next, {
      timeoutMs: 2 * WAIT_MS,
    });
    if (message.status < 100) {
      nats.publish(message.reply, await acknowledgement(message));
    } // else nothing came within the time
  }
}

/** Submits what a message says. @returns what JetStream is told of it */
async function acknowledgement({ body, headers, reply }: Message): Promise<string> {
  const [, , stream = '', , , sequence = ''] = reply.split('.'); // $JS.ACK.<stream>.<consumer>.<delivered>.<sequence>...
  try {
    const update = JSON.parse(body) as Update<'inventory.take', { key: string; quantity: number }>; // or any other: it is checked
    await producer.submit(update, { idempotencyKey: headers['Nats-Msg-Id'] ?? `${stream}-${sequence}` });
    return '+ACK';
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof ValidationError) {
      settings.logger.warn({ err: error, sequence }, 'a message that is no update is left out');
      return '+TERM'; // it would fail each time
    }
    if (error instanceof TallyError) {
      return '-NAK {"delay":1000000000}'; // Redis is away, or full: again in a second
    }
    throw error;
  }
}

const subscriber = createSubscriber({
  ...settings,
  group: 'nats',
  start: 'beginning',
  takeOverAfterMs: 5_000,
  concurrency: AT_A_TIME,
  onOutcome: async (event) => {
    const { operation, status } = event.data;
    const answer = await nats.request(`outcomes.${operation}.${status}`, JSON.stringify(event), { id: event.id });
    if (!answer.body.includes('"seq"')) {
      throw new Error(`JetStream did not take it: ${answer.body}`); // it is told again
    }
  },
});

const stopped = untilStopped(); // before it says that it is there
console.log('bridging');
const stopping = new AbortController();
const consuming = Promise.all(Array.from({ length: AT_A_TIME }, () => consume(stopping.signal)));
const end = await Promise.race([stopped, nats.lost, consuming.catch((error: unknown) => error as Error)]);
stopping.abort();
await Promise.race([subscriber.close(), nats.lost]);
await producer.close();
nats.close();
if (end instanceof Error) {
  settings.logger.error({ err: end }, 'the bridge ends; start it again'); // as a supervisor does
  process.exit(1);
}
process.exit(0);
