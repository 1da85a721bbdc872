import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';

/*
 * Submits updates with fetch, and nothing of Tally's library:
 *
 *   npm start
 *   npx tsx examples/http/submit.ts
 *
 * Another server is given as an argument: npx tsx examples/http/submit.ts http://127.0.0.1:3001
 * An API key, where one is needed, is read from the environment: API_KEY
 */

const [, , tally = 'http://127.0.0.1:3000'] = process.argv;
const { API_KEY: apiKey } = process.env;
const ATTEMPTS = 5;
const order = `order-${randomUUID()}`;

interface Answer {
  readonly updates: readonly { readonly id: string; readonly status: string }[];
}

/**
 * Asks Tally, again when it did not answer or can't at the moment. That is safe for updates with an idempotency key:
 * however often one is sent, it counts once.
 */
async function call<Body>(path: string, body?: unknown, contentType = 'application/json'): Promise<Body> {
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await fetch(tally + path, {
        ...init,
        headers: { 'Content-Type': contentType, ...(apiKey && { Authorization: `Bearer ${apiKey}` }) },
        signal: AbortSignal.timeout(40_000),
      });
      if (response.ok || ![429, 503].includes(response.status) || attempt === ATTEMPTS) {
        return await answerOf<Body>(response);
      }
      await response.text();
      await setTimeout(Number(response.headers.get('Retry-After') ?? 1) * 1000);
    } catch (error) {
      if (error instanceof Refused || attempt === ATTEMPTS) {
        throw error;
      }
      await setTimeout(1_000);
    }
  }
}

class Refused extends Error {}

async function answerOf<Body>(response: Response): Promise<Body> {
  const answer = (await response.json()) as Body & { code: string; detail: string };
  if (!response.ok) {
    throw new Refused(`${answer.code}: ${answer.detail}`);
  }
  return answer;
}

function show(answer: unknown): void {
  console.log(JSON.stringify(answer));
}

// One update. The answer says that Redis has it.
const xp = { operation: 'xp.award', params: { key: `xp:${order}`, amount: 50 }, idempotencyKey: order };
const accepted = await call<Answer>('/v1/updates', xp);
show(accepted);

// Its outcome, asked for by its id until it is there.
const path = `/v1/updates/${accepted.updates[0]?.id ?? ''}`;
let outcome = await call<{ status: string }>(path);
while (outcome.status === 'accepted') {
  await setTimeout(100);
  outcome = await call(path);
}
show(outcome);

// The same again: it is not applied twice, and the answer is the first outcome. `wait` saves asking for it.
show(await call('/v1/updates?wait=5000', xp));

// Several at once. Each takes effect or not by itself.
const take = {
  operation: 'inventory.take',
  params: { key: `stock:${order}`, quantity: 1, whenShort: 'reject' },
  idempotencyKey: `${order}-lamp`,
};
const count = {
  operation: 'counter.increment',
  params: { key: `orders:${order}` },
  idempotencyKey: `${order}-count`,
};
show(await call('/v1/updates?wait=5000', [take, count]));

// A CloudEvent. Delivered again, with the same source and id, it would count once.
const event = {
  specversion: '1.0',
  source: '/shop',
  id: order,
  type: 'tally.counter.increment',
  data: { key: `orders:${order}` },
};
show(await call('/v1/events?wait=5000', event, 'application/cloudevents+json'));

// What Redis holds now.
show(await call(`/v1/cells?key=${encodeURIComponent(`xp:${order}`)}`));
