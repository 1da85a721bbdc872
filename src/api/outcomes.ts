import { setTimeout as wait } from 'node:timers/promises';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { TallyError } from '../errors.js';
import type { Store } from '../layout/store.js';
import type { Registry } from '../operations/registry.js';
import { askRedis } from '../redis/ask-redis.js';
import { isWanted } from '../subscribers/filter.js';
import type { OutcomeFilter } from '../subscribers/filter.js';
import { gapEvent } from '../subscribers/gap-event.js';
import type { LiveFeed } from '../subscribers/live-feed.js';
import type { OutcomeReader, Page, Start, ToldEvent } from '../subscribers/outcome-reader.js';
import { isWithin } from '../subscribers/scope.js';
import type { Drain } from '../web/drain.js';
import { queryOf } from '../web/endpoint.js';
import type { Endpoint } from '../web/endpoint.js';
import { Problem, problemAt } from '../web/problems.js';
import { accessOf } from './access/access.js';
import type { Access } from './access/access.js';
import { EventStream, eventText } from './event-stream.js';
import { FollowerPlaces } from './follower-places.js';
import { filterOf, outcomesQuery } from './outcomes-query.js';
import type { OutcomesQuery } from './outcomes-query.js';

/** A client, and whatever stands between, hears from the server at least so often; and so often it is looked whether it still may. */
const HEARTBEAT_MS = 15_000;

/** What is told of outcomes. */
interface Told {
  /** Whether this server knows that outcomes are told; else it looks whether any were. */
  readonly areOn: boolean;
  readonly reader: OutcomeReader;
  readonly feed: LiveFeed;
}

export interface OutcomesDeps extends Pick<Store, 'redis'> {
  readonly told: Told;
  readonly namespace: string;
  readonly registry: Registry;
  readonly drain: Drain;
  readonly timeoutMs: number;
  /** Whether the caller of a request would still be let in. */
  readonly mayStay: (response: Response) => Promise<boolean>;
  readonly heartbeatMs?: number | undefined;
}

export function outcomesEndpoint(deps: OutcomesDeps): Endpoint {
  const places = new FollowerPlaces();
  return {
    method: 'get',
    path: '/v1/outcomes',
    operationId: 'followOutcomes',
    summary: 'Follow outcomes as Server-Sent Events.',
    description:
      'Each event is a CloudEvent of type `tally.<operation>.<status>` in JSON; its `id:` is a cursor, which comes with heartbeats ' +
      'too. A client that comes back with the last one as `Last-Event-ID` gets all that came since, once. What is not kept any more is ' +
      'told by an event `gap`. See `/asyncapi.json`.',
    query: outcomesQuery,
    parameters: [
      {
        in: 'header',
        name: 'Last-Event-ID',
        description: 'The cursor to go on from: browsers send it by themselves when they connect again.',
        schema: { type: 'string' },
      },
    ],
    answers: { 200: { description: 'The events.', schema: z.string(), mediaType: 'text/event-stream' } },
    problems: [
      ...(['FORBIDDEN', 'INVALID_QUERY', 'INVALID_CURSOR', 'OUTCOMES_OFF', 'TOO_MANY_FOLLOWERS'] as const),
      ...(['QUEUE_UNAVAILABLE', 'REDIS_REFUSED', 'STOPPING'] as const),
    ],
    handlers: [
      async (request, response) => {
        const query = queryOf(outcomesQuery, request);
        const told = await requireOutcomes(deps);
        requireKnown(query, deps.registry);
        const cursor = await cursorOf(request, query, told.reader, deps);
        if (response.destroyed) {
          return; // nobody would hear of its end any more
        }
        const access = accessOf(response);
        const leave = places.take(access?.owner);
        try {
          const stream = new EventStream(response);
          stream.begin(cursor);
          if (request.method !== 'HEAD') {
            await follow(deps, told, { cursor, filter: filterOf(query), access }, stream, response);
          }
          response.end();
        } finally {
          leave();
        }
      },
    ],
  };
}

/** @throws Problem `OUTCOMES_OFF` */
async function requireOutcomes({ told, redis, timeoutMs }: OutcomesDeps): Promise<Told> {
  if (!told.areOn && (await askRedis(redis, timeoutMs, told.reader.isEmpty()))) {
    throw new Problem(
      'OUTCOMES_OFF',
      'outcomes are not told: set TALLY_OUTCOMES=true for the workers and for this server',
    );
  }
  return told;
}

function requireKnown({ operation = [] }: OutcomesQuery, registry: Registry): void {
  const unknown = operation.find((name) => registry.find(name) === undefined);
  if (unknown !== undefined) {
    throw problemAt('INVALID_QUERY', 'operation', `there is no operation "${unknown}"; GET /v1/operations lists them`);
  }
}

async function cursorOf(
  request: Request,
  query: OutcomesQuery,
  reader: OutcomeReader,
  { redis, timeoutMs }: OutcomesDeps,
): Promise<string> {
  const last = request.get('last-event-id') ?? query.lastEventId ?? '';
  const { from } = query;
  const start: Start =
    last !== ''
      ? { after: last }
      : from === undefined
        ? 'now'
        : from === 'beginning'
          ? from
          : { sinceMs: Date.parse(from) };
  try {
    return await askRedis(redis, timeoutMs, reader.cursorAt(start));
  } catch (error) {
    if (error instanceof TallyError && error.code === 'INVALID_CURSOR') {
      throw new Problem('INVALID_CURSOR', `${error.message}: begin anew, without Last-Event-ID`);
    }
    throw error;
  }
}

interface Following {
  cursor: string;
  readonly filter: OutcomeFilter;
  readonly access: Access | undefined;
}

/** Until the client leaves, is dropped, may not stay any more, or the server stops. */
async function follow(
  deps: OutcomesDeps,
  { feed }: Told,
  following: Following,
  stream: EventStream,
  response: Response,
): Promise<void> {
  const end = new AbortController();
  const closed = new Promise<void>((resolve) => {
    response.once('close', () => {
      end.abort();
      resolve();
    });
  });
  void deps.drain.orBegun(closed).then(() => {
    end.abort();
  });
  void beat(deps, following, stream, response, end);
  for await (const page of feed.follow(following.cursor, end.signal)) {
    if (!(await sendPage(stream, page, following, deps.namespace))) {
      return;
    }
  }
  stream.beat(following.cursor); // the last of it says where to go on
}

/** In pieces, so that no client has more than its share in memory. */
const PIECE_LENGTH = 32 * 1024;

async function sendPage(stream: EventStream, page: Page, following: Following, namespace: string): Promise<boolean> {
  let text =
    page.gap === undefined
      ? ''
      : eventText('gap', following.cursor, JSON.stringify(gapEvent(page.gap, namespace, following.cursor)));
  for (const told of page.events) {
    if (!isWanted(told.event, following.filter) || !mayKnow(told, following.access)) {
      continue;
    }
    text += textOf(told);
    if (text.length >= PIECE_LENGTH) {
      following.cursor = told.cursor; // a heartbeat in between leads no client back
      if (!(await stream.send(text))) {
        return false;
      }
      text = '';
    }
  }
  following.cursor = page.cursor;
  return text === '' || stream.send(text);
}

function mayKnow(told: ToldEvent, access: Access | undefined): boolean {
  return access === undefined || isWithin(told, access);
}

const texts = new WeakMap<ToldEvent, string>();

/** Made once for all clients. */
function textOf(told: ToldEvent): string {
  const known = texts.get(told);
  if (known !== undefined) {
    return known;
  }
  const text = eventText('outcome', told.cursor, JSON.stringify(told.event));
  texts.set(told, text);
  return text;
}

async function beat(
  { mayStay, heartbeatMs = HEARTBEAT_MS }: OutcomesDeps,
  following: Following,
  stream: EventStream,
  response: Response,
  end: AbortController,
): Promise<void> {
  const isOver = () => end.signal.aborted;
  while (!isOver()) {
    await wait(heartbeatMs, undefined, { signal: end.signal, ref: false }).catch(() => undefined);
    if (!isOver() && !(await mayStay(response))) {
      end.abort();
    }
    if (!isOver()) {
      stream.beat(following.cursor);
    }
  }
}
